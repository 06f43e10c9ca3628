#include "plugins/common/prom/prom_codecs.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>

#include <fmt/format.h>

namespace tailrace::common::prom {

namespace {

constexpr std::pair<const char*, ScrapeProtocol> kProtocols[] = {
    {"PrometheusProto", ScrapeProtocol::proto},
    {"OpenMetricsText1.0.0", ScrapeProtocol::openmetrics_1_0_0},
    {"OpenMetricsText0.0.1", ScrapeProtocol::openmetrics_0_0_1},
    {"PrometheusText1.0.0", ScrapeProtocol::text_1_0_0},
    {"PrometheusText0.0.4", ScrapeProtocol::text_0_0_4}};

/// The factor of a unit at the start of `text`, and how long the unit is.
struct Unit {
  double factor = 1;
  size_t length = 0;
};
Unit size_unit_at(std::string_view text) noexcept {
  static constexpr std::string_view kPrefixes = "KMGTPE";
  if (text.starts_with('B')) {
    return {1, 1};
  }
  const size_t power = text.empty() ? std::string_view::npos : kPrefixes.find(text[0]);
  if (power == std::string_view::npos) {
    return {};
  }
  const double factor = static_cast<double>(uint64_t{1} << (10 * (power + 1)));
  if (text.substr(1).starts_with("iB")) {
    return {factor, 3};
  }
  return text.substr(1).starts_with('B') ? Unit{factor, 2} : Unit{};
}

struct TimeUnit {
  std::string_view name;
  int64_t milliseconds;
};
constexpr TimeUnit kTimeUnits[] = {{"y", 365LL * 24 * 3600 * 1000},
                                   {"w", 7LL * 24 * 3600 * 1000},
                                   {"d", 24LL * 3600 * 1000},
                                   {"h", 3600LL * 1000},
                                   {"m", 60LL * 1000},
                                   {"s", 1000},
                                   {"ms", 1}};

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

}  // namespace

std::optional<PromSize> parse_prom_size(std::string_view text) {
  if (text.empty()) {
    return std::nullopt;
  }
  double total = 0;
  while (!text.empty()) {
    if (!is_digit(text[0]) && text[0] != '.') {  // no sign, no exponent, no "inf"
      return std::nullopt;
    }
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc()) {
      return std::nullopt;
    }
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    const Unit unit = size_unit_at(text);
    if (unit.length == 0 && !text.empty()) {
      return std::nullopt;
    }
    text.remove_prefix(unit.length);
    total += number * unit.factor;
  }
  if (total >= 9223372036854775808.0) {
    return std::nullopt;
  }
  return PromSize{static_cast<uint64_t>(total)};
}

std::optional<Duration> parse_prom_duration(std::string_view text) {
  if (text == "0") {
    return Duration(0);
  }
  if (text.empty()) {
    return std::nullopt;
  }
  int64_t total = 0;
  size_t next_unit = 0;  // each at most once, the larger ones first
  while (!text.empty()) {
    const size_t digits =
        static_cast<size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
    int64_t number = 0;
    if (digits == 0 ||
        std::from_chars(text.data(), text.data() + digits, number).ec != std::errc()) {
      return std::nullopt;
    }
    text.remove_prefix(digits);
    const size_t letters = std::min(
        text.size(), static_cast<size_t>(std::ranges::find_if(text, is_digit) - text.begin()));
    const std::string_view name = text.substr(0, letters);
    while (next_unit < std::size(kTimeUnits) && kTimeUnits[next_unit].name != name) {
      ++next_unit;
    }
    if (next_unit == std::size(kTimeUnits)) {
      return std::nullopt;
    }
    text.remove_prefix(letters);
    int64_t part = 0;
    // So that nanoseconds fit, too.
    constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 1'000'000;
    if (__builtin_mul_overflow(number, kTimeUnits[next_unit].milliseconds, &part) ||
        __builtin_add_overflow(total, part, &total) || total > kMost) {
      return std::nullopt;
    }
    ++next_unit;
  }
  return std::chrono::milliseconds(total);
}

std::string print_prom_duration(Duration duration) {
  int64_t left = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (left == 0) {
    return "0s";
  }
  std::string out;
  for (const TimeUnit& unit : kTimeUnits) {
    // Weeks and years only where they are all of it: 8d is not 1w1d.
    const bool is_calendar = unit.name == "y" || unit.name == "w";
    if (is_calendar ? left % unit.milliseconds == 0 : left >= unit.milliseconds) {
      out += fmt::format("{}{}", left / unit.milliseconds, unit.name);
      left %= unit.milliseconds;
    }
    if (left == 0) {
      break;
    }
  }
  return out;
}

std::string_view to_string(ScrapeProtocol protocol) noexcept {
  for (const auto& [name, meaning] : kProtocols) {
    if (meaning == protocol) {
      return name;
    }
  }
  return "";
}

}  // namespace tailrace::common::prom

namespace tailrace {

using common::prom::kProtocols;
using common::prom::PromSize;
using common::prom::ScrapeProtocol;
using common::prom::ScrapeProtocols;

template <>
bool OptionCodec<PromSize>::read(const ConfigValue& value, PromSize& out, ConfigContext& context) {
  std::string text;
  if (!OptionCodec<std::string>::read(value, text, context)) {
    return false;
  }
  if (text.empty()) {  // nothing written
    out = {};
    return true;
  }
  const auto size = common::prom::parse_prom_size(text);
  if (!size) {
    context.fail(value, value.secret
                            ? "expected a size such as 10MB"
                            : fmt::format("expected a size such as 10MB, got \"{}\"", text));
    return false;
  }
  out = *size;
  return true;
}
template <>
std::string OptionCodec<PromSize>::print(const PromSize& value) {
  return fmt::format("{}", value.bytes);
}
template <>
OptionType OptionCodec<PromSize>::type() {
  return {"size, `10MB` being 10 MiB", OptionCodec<std::string>::type().json_schema};
}

namespace {
const std::vector<std::string>& protocol_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& [name, meaning] : kProtocols) {
      out.emplace_back(name);
    }
    return out;
  }();
  return names;
}
}  // namespace

template <>
bool OptionCodec<ScrapeProtocol>::read(const ConfigValue& value, ScrapeProtocol& out,
                                       ConfigContext& context) {
  size_t index = 0;
  if (!detail::read_choice(value, protocol_names(), index, context)) {
    return false;
  }
  out = kProtocols[index].second;
  return true;
}
template <>
std::string OptionCodec<ScrapeProtocol>::print(const ScrapeProtocol& value) {
  return std::string(to_string(value));
}
template <>
OptionType OptionCodec<ScrapeProtocol>::type() {
  return detail::choice_type(protocol_names());
}

template <>
bool OptionCodec<ScrapeProtocols>::read(const ConfigValue& value, ScrapeProtocols& out,
                                        ConfigContext& context) {
  if (value.kind != ConfigValue::Kind::list) {
    context.fail(value, "expected a list of protocols", "such as [PrometheusText0.0.4]");
    return false;
  }
  out.clear();
  bool ok = true;
  const std::string path = context.path;
  for (size_t i = 0; i < value.items.size(); ++i) {
    context.path = fmt::format("{}[{}]", path, i);
    ScrapeProtocol protocol{};
    if (!OptionCodec<ScrapeProtocol>::read(value.items[i], protocol, context)) {
      ok = false;
    } else if (std::ranges::find(out, protocol) != out.end()) {
      context.fail(value.items[i], "duplicated protocol in scrape_protocols");
      ok = false;
    } else {
      out.push_back(protocol);
    }
  }
  context.path = path;
  return ok;
}
template <>
std::string OptionCodec<ScrapeProtocols>::print(const ScrapeProtocols& value) {
  std::string out;
  for (const ScrapeProtocol protocol : value) {
    out.append(out.empty() ? "[" : ", ").append(to_string(protocol));
  }
  return out.empty() ? out : out + "]";
}
template <>
OptionType OptionCodec<ScrapeProtocols>::type() {
  const OptionType item = OptionCodec<ScrapeProtocol>::type();
  return {"list of " + item.name.substr(std::string_view("one of ").size()),
          fmt::format(R"({{"type":"array","items":{}}})", item.json_schema)};
}

}  // namespace tailrace
