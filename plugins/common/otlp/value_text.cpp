#include "plugins/common/otlp/value_text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include "tailrace/labels.h"

#include "codec/json_text.h"
#include "codec/proto_reader.h"
#include "plugins/common/otlp/schema.h"

namespace tailrace::common::otlp {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

void append_base64(std::string& out, std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? static_cast<uint8_t>(bytes[i + k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
}

void append_integer(std::string& out, uint64_t bits, bool is_signed) {
  std::array<char, 24> room;
  char* const end = room.data() + room.size();
  const auto done = is_signed ? std::to_chars(room.data(), end, static_cast<int64_t>(bits))
                              : std::to_chars(room.data(), end, bits);
  out.append(room.data(), done.ptr);
}

/// As JavaScript writes numbers: plain digits between 1e-6 and 1e21.
/// Source: Go encoding/json, floatEncoder.
void append_double(std::string& out, double value) {
  const double size = std::fabs(value);
  const bool plain = size == 0 || (size >= 1e-6 && size < 1e21);
  std::array<char, 400> room;
  const auto done = std::to_chars(room.data(), room.data() + room.size(), value,
                                  plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string_view text(room.data(), static_cast<size_t>(done.ptr - room.data()));
  if (!plain && text.size() >= 4 && text.substr(text.size() - 4, 3) == "e-0") {
    out.append(text.substr(0, text.size() - 2));  // 1e-07 as 1e-7
    text.remove_prefix(text.size() - 1);
  }
  out.append(text);
}

/// Go's JSON also escapes the two line ends that JavaScript would stumble over.
void append_json_text(std::string& out, std::string_view text) {
  std::string escaped;
  codec::append_json_string(escaped, text);
  for (size_t i = 0; i < escaped.size(); ++i) {
    if (escaped.compare(i, 3, "\xe2\x80\xa8") == 0 || escaped.compare(i, 3, "\xe2\x80\xa9") == 0) {
      out += escaped[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += escaped[i];
    }
  }
}

/// False where JSON has no words for it (NaN, infinities).
bool append_json(std::string& out, const AnyValue& value);

bool append_json_map(std::string& out, std::string_view list) {
  std::vector<KeyValue> pairs;
  codec::ProtoReader reader(list);
  while (reader.next()) {
    if (reader.field() == value_list::kValues) {
      pairs.push_back(read_key_value(reader.bytes()));
    } else {
      reader.skip();
    }
  }
  // Of a repeated key the last one counts.
  std::ranges::stable_sort(pairs, {}, &KeyValue::key);
  out += '{';
  bool first = true;
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i + 1 < pairs.size() && pairs[i + 1].key == pairs[i].key) {
      continue;
    }
    out += first ? "" : ",";
    first = false;
    append_json_text(out, pairs[i].key);
    out += ':';
    if (!append_json(out, pairs[i].value)) {
      return false;
    }
  }
  out += '}';
  return true;
}

bool append_json_array(std::string& out, std::string_view list) {
  out += '[';
  bool first = true;
  codec::ProtoReader reader(list);
  while (reader.next()) {
    if (reader.field() != value_list::kValues) {
      reader.skip();
      continue;
    }
    out += first ? "" : ",";
    first = false;
    if (!append_json(out, read_any_value(reader.bytes()))) {
      return false;
    }
  }
  out += ']';
  return true;
}

bool append_json(std::string& out, const AnyValue& value) {
  switch (value.kind) {
    case any_value::kString:
      append_json_text(out, value.bytes);
      return true;
    case any_value::kBool:
      out += value.bits != 0 ? "true" : "false";
      return true;
    case any_value::kInt:
      append_integer(out, value.bits, true);
      return true;
    case any_value::kDouble: {
      const auto number = std::bit_cast<double>(value.bits);
      if (!std::isfinite(number)) {
        return false;
      }
      append_double(out, number);
      return true;
    }
    case any_value::kArray:
      return append_json_array(out, value.bytes);
    case any_value::kKeyValueList:
      return append_json_map(out, value.bytes);
    case any_value::kBytes:
      out += '"';
      append_base64(out, value.bytes);
      out += '"';
      return true;
    default:
      out += "null";
      return true;
  }
}

/// `__name__` and its like.
bool is_reserved(std::string_view name) noexcept {
  return name.size() > 4 && name.starts_with("__") && name.ends_with("__");
}

bool is_label_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

AnyValue read_any_value(std::string_view message) noexcept {
  AnyValue value;
  codec::ProtoReader reader(message);
  while (reader.next()) {
    const uint32_t field = reader.field();
    switch (field) {
      case any_value::kString:
      case any_value::kArray:
      case any_value::kKeyValueList:
      case any_value::kBytes:
        value = {field, reader.bytes(), 0};
        break;
      case any_value::kBool:
      case any_value::kInt:
        value = {field, {}, reader.varint()};
        break;
      case any_value::kDouble:
        value = {field, {}, reader.fixed64()};
        break;
      default:
        reader.skip();
    }
  }
  return value;
}

KeyValue read_key_value(std::string_view message) noexcept {
  KeyValue pair;
  codec::ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() == key_value::kKey) {
      pair.key = reader.bytes();
    } else if (reader.field() == key_value::kValue) {
      pair.value = read_any_value(reader.bytes());
    } else {
      reader.skip();
    }
  }
  return pair;
}

std::string_view ValueText::of(const AnyValue& value) {
  scratch_.clear();
  switch (value.kind) {
    case any_value::kString:
      return value.bytes;
    case any_value::kBool:
      return value.bits != 0 ? "true" : "false";
    case any_value::kBytes:
      append_base64(scratch_, value.bytes);
      break;
    case any_value::kDouble:
      if (const auto number = std::bit_cast<double>(value.bits); !std::isfinite(number)) {
        return std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
      }
      [[fallthrough]];
    case any_value::kInt:
    case any_value::kArray:
    case any_value::kKeyValueList:
      if (!append_json(scratch_, value)) {
        return {};
      }
      break;
    default:
      return {};
  }
  return arena_.copy(scratch_);
}

std::string_view ValueText::of_number(uint64_t number) {
  scratch_.clear();
  append_integer(scratch_, number, false);
  return arena_.copy(scratch_);
}

std::string_view ValueText::of_id(std::string_view id) {
  if (std::ranges::all_of(id, [](char c) { return c == 0; })) {
    return {};
  }
  char* text = arena_.array<char>(2 * id.size());
  for (size_t i = 0; i < id.size(); ++i) {
    text[2 * i] = kHexDigits[static_cast<uint8_t>(id[i]) >> 4];
    text[2 * i + 1] = kHexDigits[static_cast<uint8_t>(id[i]) & 15];
  }
  return {text, 2 * id.size()};
}

std::string_view to_label_name(std::string_view name, LabelStyle style, Arena& arena) {
  const bool one_for_several = style == LabelStyle::loki;
  const bool has_doubles = name.find("__") != std::string_view::npos;
  if (is_label_name(name) &&
      (one_for_several ? !has_doubles && name != "_" : name[0] != '_' || name.starts_with("__"))) {
    return name;
  }
  const bool reserved = one_for_several && is_reserved(name);
  if (reserved) {
    name = name.substr(2, name.size() - 4);
  }
  constexpr size_t kLongestPrefix = 4;
  char* const text = arena.array<char>(kLongestPrefix + name.size());
  char* const start = text + kLongestPrefix;
  char* to = start;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool is_continuation = i > 0 && (static_cast<uint8_t>(name[i]) & 0xc0) == 0x80;
    const char c = is_label_character(name[i]) ? name[i] : '_';
    if (!is_continuation && !(one_for_several && c == '_' && to != start && to[-1] == '_')) {
      *to++ = c;  // one underscore for a character, not for each of its bytes
    }
  }
  const std::string_view clean(start, static_cast<size_t>(to - start));
  if (reserved && !clean.empty() && clean != "_") {
    return arena.copy("__" + std::string(clean) + "__");
  }
  std::string_view prefix;
  if (!clean.empty() && clean[0] >= '0' && clean[0] <= '9') {
    prefix = "key_";
  } else if (style == LabelStyle::loki ? clean.empty() || clean == "_"
                                       : clean.starts_with('_') && !clean.starts_with("__")) {
    prefix = clean.empty() ? "key_" : "key";
  }
  prefix.copy(start - prefix.size(), prefix.size());
  return {start - prefix.size(), prefix.size() + clean.size()};
}

}  // namespace tailrace::common::otlp
