#include "config/units.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

namespace tailrace::config {
namespace {

__extension__ using Wide = unsigned __int128;

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr uint64_t kKibi = 1024;
constexpr Unit kSizes[] = {
    {"", 1},
    {"B", 1},
    {"KB", 1000},
    {"kB", 1000},
    {"MB", 1000'000},
    {"GB", 1000'000'000},
    {"TB", 1000'000'000'000},
    {"KiB", kKibi},
    {"MiB", kKibi* kKibi},
    {"GiB", kKibi* kKibi* kKibi},
    {"TiB", kKibi* kKibi* kKibi* kKibi},
    {"Ki", kKibi},
    {"Mi", kKibi* kKibi},
    {"Gi", kKibi* kKibi* kKibi},
    {"Ti", kKibi* kKibi* kKibi* kKibi},
};

constexpr uint64_t kSecond = 1000'000'000;
constexpr uint64_t kDay = uint64_t{24} * 3600 * kSecond;
constexpr Unit kDurations[] = {
    {"y", 365 * kDay},     {"w", 7 * kDay},     {"d", kDay},
    {"h", 3600 * kSecond}, {"m", 60 * kSecond}, {"s", kSecond},
    {"ms", 1000'000},      {"us", 1000},        {"ns", 1},
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Takes `12.5MiB` off the front of the text; units end at the next digit.
std::optional<uint64_t> take_amount(std::string_view& text, std::span<const Unit> units,
                                    const Unit*& unit) {
  uint64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error != std::errc() || end == text.data()) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  std::string_view fraction;
  if (text.starts_with('.')) {
    size_t length = 1;
    while (length < text.size() && is_digit(text[length])) {
      ++length;
    }
    fraction = text.substr(1, length - 1);
    text.remove_prefix(length);
    if (fraction.empty() || fraction.size() > 9) {
      return std::nullopt;
    }
  }
  size_t name_length = 0;
  while (name_length < text.size() && !is_digit(text[name_length])) {
    ++name_length;
  }
  const std::string_view name = text.substr(0, name_length);
  text.remove_prefix(name_length);
  unit = nullptr;
  for (const Unit& known : units) {
    if (known.name == name) {
      unit = &known;
    }
  }
  uint64_t amount = 0;
  if (unit == nullptr || __builtin_mul_overflow(whole, unit->factor, &amount)) {
    return std::nullopt;
  }
  Wide numerator = 0;
  uint64_t denominator = 1;
  for (const char digit : fraction) {
    numerator = numerator * 10 + static_cast<uint64_t>(digit - '0');
    denominator *= 10;
  }
  const auto rest = static_cast<uint64_t>(numerator * unit->factor / denominator);
  if (__builtin_add_overflow(amount, rest, &amount)) {
    return std::nullopt;
  }
  return amount;
}

template <class T>
std::optional<T> parse_whole(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) {
      return std::nullopt;
    }
  }
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<ByteSize> parse_size(std::string_view text) {
  const Unit* unit = nullptr;
  const auto amount = take_amount(text, kSizes, unit);
  if (!amount || !text.empty()) {
    return std::nullopt;
  }
  return ByteSize{*amount};
}

std::string print_size(ByteSize size) {
  std::string shortest = std::to_string(size.bytes);
  if (size.bytes == 0) {
    return shortest;
  }
  for (const Unit& unit : kSizes) {
    if (!unit.name.empty() && unit.name.size() != 1 && unit.name.ends_with('B') &&
        unit.name != "kB" && size.bytes % unit.factor == 0) {
      std::string text = fmt::format("{}{}", size.bytes / unit.factor, unit.name);
      if (text.size() <= shortest.size()) {
        shortest = std::move(text);
      }
    }
  }
  return shortest;
}

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") {
    return Duration::zero();
  }
  uint64_t total = 0;
  const Unit* last = nullptr;
  do {
    const Unit* unit = nullptr;
    const auto amount = take_amount(text, kDurations, unit);
    if (!amount || (last != nullptr && unit->factor >= last->factor) ||
        __builtin_add_overflow(total, *amount, &total)) {
      return std::nullopt;
    }
    last = unit;
  } while (!text.empty());
  if (total > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return std::nullopt;
  }
  return Duration(static_cast<int64_t>(total));
}

std::string print_duration(Duration duration) {
  auto rest = static_cast<uint64_t>(duration.count());
  std::string text;
  if (duration.count() < 0) {
    text = "-";
    rest = 0 - rest;
  }
  if (rest == 0) {
    return "0s";
  }
  for (const Unit& unit : kDurations) {
    // Years and weeks are read but not written: `14d` is clearer than `2w`.
    if (unit.name != "y" && unit.name != "w" && rest >= unit.factor) {
      text += fmt::format("{}{}", rest / unit.factor, unit.name);
      rest %= unit.factor;
    }
  }
  return text;
}

std::optional<int64_t> parse_int64(std::string_view text) {
  return parse_whole<int64_t>(text);
}

std::optional<uint64_t> parse_uint64(std::string_view text) {
  return parse_whole<uint64_t>(text);
}

std::optional<double> parse_double(std::string_view text) {
  const auto value = parse_whole<double>(text);
  if (!value || !std::isfinite(*value)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace tailrace::config
