#include "config/option_codecs.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "tailrace/config_schema.h"

#include "config/suggest.h"
#include "config/units.h"

namespace tailrace::config {
namespace {

constexpr size_t kShownBytes = 60;

/// Text as a JSON schema, or a reference that will be filled in: every option may be written as
/// `${env:…}`. The definitions are in json_schema.cpp.
std::string or_reference(std::string_view schema) {
  return fmt::format(R"({{"anyOf":[{},{{"$ref":"#/$defs/reference"}}]}})", schema);
}

bool fail_expected(const ConfigValue& value, std::string_view what, ConfigContext& context,
                   std::string hint = {}) {
  context.fail(value, fmt::format("expected {}, got {}", what, describe(value)), std::move(hint));
  return false;
}

bool is_plain_scalar(const ConfigValue& value) {
  return value.kind == ConfigValue::Kind::scalar && !value.quoted;
}

/// For a number in quotes, where the quotes are all that is wrong.
template <class T>
std::string quotes_hint(const ConfigValue& value, const std::optional<T>& parsed) {
  return value.kind == ConfigValue::Kind::scalar && value.quoted && parsed
             ? "write it without quotes"
             : std::string();
}

template <class T>
bool read_whole(const ConfigValue& value, T& out, ConfigContext& context) {
  std::optional<T> number;
  bool is_number = false;
  if constexpr (std::is_signed_v<T>) {
    const auto parsed = parse_int64(value.scalar);
    is_number = parsed.has_value();
    number = parsed;
  } else {
    const auto parsed = parse_uint64(value.scalar);
    is_number = parsed.has_value();
    if (parsed && *parsed <= std::numeric_limits<T>::max()) {
      number = static_cast<T>(*parsed);
    }
  }
  if (is_plain_scalar(value) && number) {
    out = *number;
    return true;
  }
  const bool out_of_range = is_plain_scalar(value) && (is_number || parse_int64(value.scalar));
  const std::string what =
      out_of_range ? fmt::format("a whole number from {} to {}", std::numeric_limits<T>::min(),
                                 std::numeric_limits<T>::max())
                   : "a whole number such as 4";
  return fail_expected(value, what, context, quotes_hint(value, number));
}

}  // namespace

std::string describe(const ConfigValue& value) {
  switch (value.kind) {
    case ConfigValue::Kind::null:
      return "nothing";
    case ConfigValue::Kind::list:
      return "a list";
    case ConfigValue::Kind::map:
      return "a map";
    case ConfigValue::Kind::scalar:
      break;
  }
  if (value.secret) {
    return "<secret>";
  }
  std::string text = "\"";
  for (const char c : value.scalar) {
    const auto byte = static_cast<unsigned char>(c);
    if (text.size() > kShownBytes && (byte & 0xC0) != 0x80) {  // not within a UTF-8 character
      text += "…";
      break;
    }
    if (c == '\n') {
      text += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      text += fmt::format("\\x{:02x}", byte);
    } else {
      text += c;
    }
  }
  return text + "\"";
}

}  // namespace tailrace::config

namespace tailrace {

using config::fail_expected;
using config::is_plain_scalar;
using config::or_reference;

// ---- true or false --------------------------------------------------------------------------

template <>
bool OptionCodec<bool>::read(const ConfigValue& value, bool& out, ConfigContext& context) {
  if (is_plain_scalar(value) && (value.scalar == "true" || value.scalar == "false")) {
    out = value.scalar == "true";
    return true;
  }
  const std::string& text = value.scalar;
  if (context.as_prometheus && is_plain_scalar(value)) {
    static constexpr std::string_view kTrue[] = {"True", "TRUE", "y",  "Y",  "yes",
                                                 "Yes",  "YES",  "on", "On", "ON"};
    static constexpr std::string_view kFalse[] = {"False", "FALSE", "n",   "N",   "no",
                                                  "No",    "NO",    "off", "Off", "OFF"};
    const bool is_true = std::ranges::find(kTrue, text) != std::end(kTrue);
    if (is_true || std::ranges::find(kFalse, text) != std::end(kFalse)) {
      out = is_true;
      return true;
    }
  }
  std::string hint;
  if (value.kind == ConfigValue::Kind::scalar && !value.secret) {
    if (text == "true" || text == "false") {
      hint = "write it without quotes";
    } else if (text == "yes" || text == "on" || text == "True" || text == "TRUE" || text == "1") {
      hint = "write true";
    } else if (text == "no" || text == "off" || text == "False" || text == "FALSE" || text == "0") {
      hint = "write false";
    }
  }
  return fail_expected(value, config::kTruthType, context, hint);
}
template <>
std::string OptionCodec<bool>::print(const bool& value) {
  return value ? "true" : "false";
}
template <>
OptionType OptionCodec<bool>::type() {
  return {config::kTruthType, or_reference(R"({"type":"boolean"})")};
}

// ---- numbers --------------------------------------------------------------------------------

template <>
bool OptionCodec<int64_t>::read(const ConfigValue& value, int64_t& out, ConfigContext& context) {
  return config::read_whole(value, out, context);
}
template <>
std::string OptionCodec<int64_t>::print(const int64_t& value) {
  return std::to_string(value);
}
template <>
OptionType OptionCodec<int64_t>::type() {
  return {config::kWholeNumberType, or_reference(R"({"type":"integer"})")};
}

template <>
bool OptionCodec<uint32_t>::read(const ConfigValue& value, uint32_t& out, ConfigContext& context) {
  return config::read_whole(value, out, context);
}
template <>
std::string OptionCodec<uint32_t>::print(const uint32_t& value) {
  return std::to_string(value);
}
template <>
OptionType OptionCodec<uint32_t>::type() {
  return {config::kWholeNumberType, or_reference(R"({"type":"integer","minimum":0})")};
}

template <>
bool OptionCodec<uint64_t>::read(const ConfigValue& value, uint64_t& out, ConfigContext& context) {
  return config::read_whole(value, out, context);
}
template <>
std::string OptionCodec<uint64_t>::print(const uint64_t& value) {
  return std::to_string(value);
}
template <>
OptionType OptionCodec<uint64_t>::type() {
  return OptionCodec<uint32_t>::type();
}

template <>
bool OptionCodec<double>::read(const ConfigValue& value, double& out, ConfigContext& context) {
  const auto number = config::parse_double(value.scalar);
  if (is_plain_scalar(value) && number) {
    out = *number;
    return true;
  }
  return fail_expected(value, "a number such as 0.5", context, config::quotes_hint(value, number));
}
template <>
std::string OptionCodec<double>::print(const double& value) {
  return fmt::format("{}", value);
}
template <>
OptionType OptionCodec<double>::type() {
  return {config::kNumberType, or_reference(R"({"type":"number"})")};
}

// ---- sizes and durations --------------------------------------------------------------------

template <>
bool OptionCodec<ByteSize>::read(const ConfigValue& value, ByteSize& out, ConfigContext& context) {
  if (value.kind == ConfigValue::Kind::scalar) {
    if (const auto size = config::parse_size(value.scalar)) {
      out = *size;
      return true;
    }
  }
  std::string hint;
  const std::string& text = value.scalar;
  if (!value.secret && !text.empty() &&
      std::string_view("KMGTk").find(text.back()) != std::string_view::npos) {
    hint = fmt::format("did you mean \"{}iB\" or \"{}B\"?", text, text);
    if (!config::parse_size(text + "B")) {
      hint.clear();
    }
  }
  return fail_expected(value, "a size such as 64MiB", context, std::move(hint));
}
template <>
std::string OptionCodec<ByteSize>::print(const ByteSize& value) {
  return config::print_size(value);
}
template <>
OptionType OptionCodec<ByteSize>::type() {
  return {config::kSizeType, R"({"$ref":"#/$defs/size"})"};
}

template <>
bool OptionCodec<Duration>::read(const ConfigValue& value, Duration& out, ConfigContext& context) {
  if (value.kind == ConfigValue::Kind::scalar) {
    if (const auto duration = config::parse_duration(value.scalar)) {
      out = *duration;
      return true;
    }
  }
  std::string hint;
  if (!value.secret && config::parse_duration(value.scalar + "s")) {
    hint = fmt::format("did you mean \"{}s\"?", value.scalar);
  }
  return fail_expected(value, "a duration such as 5s", context, std::move(hint));
}
template <>
std::string OptionCodec<Duration>::print(const Duration& value) {
  return config::print_duration(value);
}
template <>
OptionType OptionCodec<Duration>::type() {
  return {config::kDurationType, R"({"$ref":"#/$defs/duration"})"};
}

// ---- text -----------------------------------------------------------------------------------

template <>
bool OptionCodec<std::string>::read(const ConfigValue& value, std::string& out,
                                    ConfigContext& context) {
  if (value.kind != ConfigValue::Kind::scalar) {
    return fail_expected(
        value, "text", context,
        value.kind == ConfigValue::Kind::null ? "write \"\" for an empty text" : "");
  }
  out = value.scalar;
  return true;
}
template <>
std::string OptionCodec<std::string>::print(const std::string& value) {
  return value;
}
template <>
OptionType OptionCodec<std::string>::type() {
  // A number or a truth value is taken as it is written.
  return {"text", R"({"type":["string","number","boolean"]})"};
}

template <>
bool OptionCodec<Secret>::read(const ConfigValue& value, Secret& out, ConfigContext& context) {
  return OptionCodec<std::string>::read(value, out.text, context);
}
template <>
std::string OptionCodec<Secret>::print(const Secret&) {
  return {};
}
template <>
OptionType OptionCodec<Secret>::type() {
  return {"secret", OptionCodec<std::string>::type().json_schema};
}

// ---- lists, maps, anything ------------------------------------------------------------------

template <>
bool OptionCodec<StringList>::read(const ConfigValue& value, StringList& out,
                                   ConfigContext& context) {
  if (value.kind == ConfigValue::Kind::scalar) {  // a list of one, without the brackets
    out = {value.scalar};
    return true;
  }
  if (value.kind != ConfigValue::Kind::list) {
    return fail_expected(value, "a list of texts", context);
  }
  out.clear();
  bool ok = true;
  const std::string path = context.path;
  for (size_t i = 0; i < value.items.size(); ++i) {
    context.path = fmt::format("{}[{}]", path, i);
    ok = OptionCodec<std::string>::read(value.items[i], out.emplace_back(), context) && ok;
  }
  context.path = path;
  return ok;
}
template <>
std::string OptionCodec<StringList>::print(const StringList& value) {
  std::string text;
  for (const auto& item : value) {
    text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", item);
  }
  return text.empty() ? text : "[" + text + "]";
}
template <>
OptionType OptionCodec<StringList>::type() {
  const std::string item = OptionCodec<std::string>::type().json_schema;
  return {"list of texts",
          fmt::format(R"({{"anyOf":[{{"type":"array","items":{}}},{}]}})", item, item)};
}

template <>
bool OptionCodec<StringMap>::read(const ConfigValue& value, StringMap& out,
                                  ConfigContext& context) {
  if (value.kind != ConfigValue::Kind::map) {
    return fail_expected(value, "a map of names to texts", context);
  }
  out.clear();
  bool ok = true;
  const std::string path = context.path;
  for (const auto& member : value.members) {
    context.path = path + "." + member.key;
    ok = OptionCodec<std::string>::read(member.value, out[member.key], context) && ok;
  }
  context.path = path;
  return ok;
}
template <>
std::string OptionCodec<StringMap>::print(const StringMap& value) {
  std::string text;
  for (const auto& [key, item] : value) {
    text += fmt::format("{}{}: \"{}\"", text.empty() ? "" : ", ", key, item);
  }
  return text.empty() ? text : "{" + text + "}";
}
template <>
OptionType OptionCodec<StringMap>::type() {
  return {"map of texts", fmt::format(R"({{"type":"object","additionalProperties":{}}})",
                                      OptionCodec<std::string>::type().json_schema)};
}

template <>
bool OptionCodec<StringListMap>::read(const ConfigValue& value, StringListMap& out,
                                      ConfigContext& context) {
  if (value.kind != ConfigValue::Kind::map) {
    return fail_expected(value, "a map of names to lists of texts", context);
  }
  out.clear();
  bool ok = true;
  const std::string path = context.path;
  for (const auto& member : value.members) {
    context.path = path + "." + member.key;
    StringList& list = out[member.key];
    if (!context.as_prometheus || member.value.kind != ConfigValue::Kind::null) {
      ok = OptionCodec<StringList>::read(member.value, list, context) && ok;
    }
  }
  context.path = path;
  return ok;
}
template <>
std::string OptionCodec<StringListMap>::print(const StringListMap& value) {
  std::string text;
  for (const auto& [key, list] : value) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", key,
                        OptionCodec<StringList>::print(list));
  }
  return text.empty() ? text : "{" + text + "}";
}
template <>
OptionType OptionCodec<StringListMap>::type() {
  return {"map of lists of texts", fmt::format(R"({{"type":"object","additionalProperties":{}}})",
                                               OptionCodec<StringList>::type().json_schema)};
}

template <>
bool OptionCodec<ConfigValue>::read(const ConfigValue& value, ConfigValue& out, ConfigContext&) {
  out = value;
  return true;
}
template <>
std::string OptionCodec<ConfigValue>::print(const ConfigValue&) {
  return {};
}
template <>
OptionType OptionCodec<ConfigValue>::type() {
  return {"anything", "true"};
}

}  // namespace tailrace
