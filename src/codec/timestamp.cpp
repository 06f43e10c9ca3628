#include "codec/timestamp.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace tailrace::codec {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// Whole seconds that fit, with any fraction, into 64 bits of nanoseconds.
constexpr int64_t kMostSeconds = INT64_MAX / kSecond - 1;

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// A number of exactly `digits` digits; -1 when there is something else.
int digits_at(const char* at, int digits) noexcept {
  int value = 0;
  for (int i = 0; i < digits; ++i) {
    if (!is_digit(at[i])) {
      return -1;
    }
    value = value * 10 + (at[i] - '0');
  }
  return value;
}

/// `2026-01-02T03:04:05` (19 bytes) to seconds, as if it were UTC.
bool read_second(const char* at, int64_t& seconds) noexcept {
  const int year = digits_at(at, 4);
  const int month = digits_at(at + 5, 2);
  const int day = digits_at(at + 8, 2);
  const int hour = digits_at(at + 11, 2);
  const int minute = digits_at(at + 14, 2);
  const int second = digits_at(at + 17, 2);
  const bool shape = at[4] == '-' && at[7] == '-' &&
                     (at[10] == 'T' || at[10] == 't' || at[10] == ' ') && at[13] == ':' &&
                     at[16] == ':';
  if (!shape || year < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 ||
      minute < 0 || minute > 59 || second < 0 || second > 60) {
    return false;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) {
    return false;
  }
  seconds = utc_seconds(year, month, day, hour, minute, second);
  return true;
}

/// The zone at `at`: Z, ±hh:mm, ±hhmm or ±hh. Returns the place behind it, or null.
const char* read_zone(const char* at, const char* end, int64_t& offset_seconds) noexcept {
  if (at == end) {
    return nullptr;
  }
  if (*at == 'Z' || *at == 'z') {
    offset_seconds = 0;
    return at + 1;
  }
  if ((*at != '+' && *at != '-') || end - at < 3) {
    return nullptr;
  }
  const int64_t sign = *at == '-' ? -1 : 1;
  const int hours = digits_at(at + 1, 2);
  at += 3;
  int minutes = 0;
  if (end - at >= 3 && *at == ':') {
    minutes = digits_at(at + 1, 2);
    at += 3;
  } else if (end - at >= 2 && is_digit(*at)) {
    minutes = digits_at(at, 2);
    at += 2;
  }
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
    return nullptr;
  }
  offset_seconds = sign * (hours * 3600 + minutes * 60);
  return at;
}

/// Digits at `at` as a fraction of a second, in ns; those beyond nine are cut off. At least one.
const char* read_fraction(const char* at, const char* end, int64_t& ns) noexcept {
  const char* p = at;
  int64_t value = 0;
  int digits = 0;
  for (; p != end && is_digit(*p); ++p) {
    if (digits < 9) {
      value = value * 10 + (*p - '0');
      ++digits;
    }
  }
  if (p == at) {
    return nullptr;
  }
  for (; digits < 9; ++digits) {
    value *= 10;
  }
  ns = value;
  return p;
}

/// Nine digits at once, the usual length; null when there are more, fewer or none.
const char* read_nine_digits(const char* at, const char* end, int64_t& ns) noexcept {
  if (end - at < 10 || !is_digit(at[8]) || is_digit(at[9])) {
    return nullptr;
  }
  uint64_t word = 0;
  std::memcpy(&word, at, 8);
  // Every byte is '0'..'9' when its high half is 3, also after adding 6.
  constexpr uint64_t kHigh = 0xf0f0f0f0f0f0f0f0;
  if (((word & kHigh) | (((word + 0x0606060606060606) & kHigh) >> 4)) != 0x3333333333333333) {
    return nullptr;
  }
  // Pairs of digits, then of pairs, then of fours: three multiplications instead of eight.
  word = (word & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;
  word = (word & 0x00ff00ff00ff00ff) * 6553601 >> 16;
  word = (word & 0x0000ffff0000ffff) * 42949672960001 >> 32;
  ns = static_cast<int64_t>(word) * 10 + (at[8] - '0');
  return at + 9;
}

bool to_ns(int64_t seconds, int64_t fraction_ns, int64_t& ns) noexcept {
  if (seconds > kMostSeconds || seconds < -kMostSeconds) {
    return false;
  }
  ns = seconds * kSecond + fraction_ns;
  return true;
}

constexpr size_t kSecondBytes = 19;
// No timestamp is longer; a line without a space must not be searched to its end.
constexpr ptrdiff_t kLongestTimestamp = 64;

bool same_second(const char* a, const char* b) noexcept {
  const auto word = [](const char* at) {
    uint64_t value = 0;
    std::memcpy(&value, at, 8);
    return value;
  };
  return ((word(a) ^ word(b)) | (word(a + 8) ^ word(b + 8)) | (word(a + 11) ^ word(b + 11))) == 0;
}

}  // namespace

int64_t utc_seconds(int year, int month, int day, int hour, int minute, int second) noexcept {
  const std::chrono::sys_days days{std::chrono::year_month_day{
      std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
      std::chrono::day(static_cast<unsigned>(day))}};
  return int64_t{days.time_since_epoch().count()} * 86400 + hour * 3600 + minute * 60 + second;
}

bool parse_rfc3339(std::string_view text, int64_t& ns) noexcept {
  const char* at = text.data();
  const char* const end = at + text.size();
  int64_t seconds = 0;
  int64_t fraction = 0;
  int64_t offset = 0;
  if (text.size() <= kSecondBytes || !read_second(at, seconds)) {
    return false;
  }
  at += kSecondBytes;
  if (*at == '.' || *at == ',') {
    at = read_fraction(at + 1, end, fraction);
  }
  if (at == nullptr || read_zone(at, end, offset) != end) {
    return false;
  }
  return to_ns(seconds - offset, fraction, ns);
}

const char* TimestampReader::read(const char* at, const char* end, int64_t& ns) noexcept {
  if (zone_size_ == 0 || end - at <= static_cast<ptrdiff_t>(kSecondBytes) ||
      !same_second(at, second_) || at[kSecondBytes] != '.') {
    return read_slowly(at, end, ns);
  }
  int64_t fraction = 0;
  const char* p = read_nine_digits(at + kSecondBytes + 1, end, fraction);
  if (p == nullptr) {
    p = read_fraction(at + kSecondBytes + 1, end, fraction);
  }
  if (p == nullptr || end - p < zone_size_ || std::memcmp(p, zone_, zone_size_) != 0 ||
      p + zone_size_ - at >= kLongestTimestamp) {
    return read_slowly(at, end, ns);
  }
  p += zone_size_;
  if (p != end && *p != ' ') {
    return nullptr;
  }
  ns = second_ns_ + fraction;
  return p;
}

const char* TimestampReader::read_slowly(const char* at, const char* end, int64_t& ns) noexcept {
  const auto longest = std::min(end - at, kLongestTimestamp);
  if (longest <= 0) {
    return nullptr;
  }
  const auto* space = static_cast<const char*>(std::memchr(at, ' ', static_cast<size_t>(longest)));
  const char* stop = space != nullptr ? space : at + longest;
  if (space == nullptr && stop != end) {
    return nullptr;
  }
  const std::string_view text(at, static_cast<size_t>(stop - at));
  if (!parse_rfc3339(text, ns)) {
    return nullptr;
  }
  const size_t zone_at = text.find_first_of("Zz+-", kSecondBytes);
  const size_t zone_size = text.size() - zone_at;
  if (zone_size <= sizeof zone_) {
    std::memcpy(second_, at, kSecondBytes);
    std::memcpy(zone_, at + zone_at, zone_size);
    zone_size_ = static_cast<uint8_t>(zone_size);
    second_ns_ = ns - ((ns % kSecond) + kSecond) % kSecond;
  }
  return stop;
}

namespace {

/// `decimals`: how many places the point moves to give nanoseconds; -1: the magnitude tells.
bool read_epoch(std::string_view text, int decimals, int64_t& ns) noexcept {
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool negative = at != end && *at == '-';
  if (negative) {
    ++at;
  }
  // value = digits × 10^exponent, with up to 19 digits kept: exact, which a double is not.
  uint64_t digits = 0;
  int kept = 0;
  int exponent = 0;
  bool any = false;
  bool point = false;
  for (; at != end && (is_digit(*at) || (*at == '.' && !point)); ++at) {
    if (*at == '.') {
      point = true;
      continue;
    }
    any = true;
    if (kept < 19) {
      digits = digits * 10 + static_cast<uint64_t>(*at - '0');
      kept += digits != 0 ? 1 : 0;
      exponent -= point ? 1 : 0;
    } else {
      exponent += point ? 0 : 1;
    }
  }
  if (!any) {
    return false;
  }
  if (at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    const bool minus = at != end && *at == '-';
    if (at != end && (*at == '-' || *at == '+')) {
      ++at;
    }
    int given = 0;
    const char* const first = at;
    for (; at != end && is_digit(*at) && given < 1000; ++at) {
      given = given * 10 + (*at - '0');
    }
    if (at == first) {
      return false;
    }
    exponent += minus ? -given : given;
  }
  if (at != end) {
    return false;
  }
  if (digits == 0) {
    ns = 0;
    return true;
  }
  // The number of digits before the point tells the magnitude, and the magnitude the unit.
  const int whole = kept + exponent;
  if (whole > 19) {
    return false;
  }
  if (decimals < 0) {
    decimals = whole <= 11 ? 9 : whole <= 14 ? 6 : whole <= 17 ? 3 : 0;
  }
  const int shift = exponent + decimals;
  for (int i = 0; i < shift; ++i) {
    if (digits > static_cast<uint64_t>(INT64_MAX) / 10) {
      return false;
    }
    digits *= 10;
  }
  for (int i = 0; i > shift && digits != 0; --i) {
    digits /= 10;
  }
  if (digits > static_cast<uint64_t>(INT64_MAX)) {
    return false;
  }
  ns = negative ? -static_cast<int64_t>(digits) : static_cast<int64_t>(digits);
  return true;
}

}  // namespace

bool parse_epoch(std::string_view number, int64_t& ns) noexcept {
  return read_epoch(number, -1, ns);
}

bool parse_epoch(std::string_view number, EpochUnit unit, int64_t& ns) noexcept {
  return read_epoch(number, 9 - 3 * static_cast<int>(unit), ns);
}

bool parse_time(std::string_view text, int64_t& ns) noexcept {
  return text.size() > kSecondBytes && text[4] == '-' ? parse_rfc3339(text, ns)
                                                      : parse_epoch(text, ns);
}

size_t format_rfc3339(int64_t ns, char* to) noexcept {
  int64_t fraction = ns % kSecond;
  int64_t seconds = ns / kSecond;
  if (fraction < 0) {
    fraction += kSecond;
    --seconds;
  }
  const std::chrono::sys_seconds moment{std::chrono::seconds(seconds)};
  const auto days = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(days);
  const auto of_day = static_cast<int>((moment - days).count());
  char* p = to;
  const auto put = [&p](int value, int digits) {
    for (int i = digits - 1; i >= 0; --i) {
      p[i] = static_cast<char>('0' + value % 10);
      value /= 10;
    }
    p += digits;
  };
  put(static_cast<int>(date.year()), 4);
  *p++ = '-';
  put(static_cast<int>(static_cast<unsigned>(date.month())), 2);
  *p++ = '-';
  put(static_cast<int>(static_cast<unsigned>(date.day())), 2);
  *p++ = 'T';
  put(of_day / 3600, 2);
  *p++ = ':';
  put(of_day / 60 % 60, 2);
  *p++ = ':';
  put(of_day % 60, 2);
  if (fraction != 0) {
    *p++ = '.';
    put(static_cast<int>(fraction), 9);
    while (p[-1] == '0') {
      --p;
    }
  }
  *p++ = 'Z';
  return static_cast<size_t>(p - to);
}

}  // namespace tailrace::codec
