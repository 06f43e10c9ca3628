#include "codec/retry_after.h"

#include <algorithm>
#include <charconv>

#include "codec/header_text.h"
#include "codec/timestamp.h"

namespace tailrace::codec {
namespace {

constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::chrono::milliseconds kLongestWait = std::chrono::hours(1);

std::optional<int> number(std::string_view text) noexcept {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<int64_t> parse_http_date(std::string_view text) noexcept {
  // 0....5....10...15...20...25
  // Sun, 06 Nov 1994 08:49:37 GMT
  if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' ||
      text[16] != ' ' || text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT") {
    return std::nullopt;
  }
  const size_t month = kMonths.find(text.substr(8, 3));
  const auto day = number(text.substr(5, 2));
  const auto year = number(text.substr(12, 4));
  const auto hour = number(text.substr(17, 2));
  const auto minute = number(text.substr(20, 2));
  const auto second = number(text.substr(23, 2));
  if (month == std::string_view::npos || month % 3 != 0 || !day || !year || !hour || !minute ||
      !second || *day < 1 || *day > 31 || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  return utc_seconds(*year, static_cast<int>(month / 3) + 1, *day, *hour, *minute, *second);
}

std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view text,
                                                           int64_t wall_ns) noexcept {
  text = trimmed(text);
  if (text.empty()) {
    return std::nullopt;
  }
  if (std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    int64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    const bool huge = error != std::errc() || seconds > 3600;
    return huge ? kLongestWait : std::chrono::milliseconds(seconds * 1000);
  }
  const auto date = parse_http_date(text);
  if (!date) {
    return std::nullopt;
  }
  const int64_t wait_ms = *date * 1000 - wall_ns / 1'000'000;
  return std::clamp(std::chrono::milliseconds(wait_ms), std::chrono::milliseconds(0), kLongestWait);
}

}  // namespace tailrace::codec
