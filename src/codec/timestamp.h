#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tailrace::codec {

/// Seconds since 1970-01-01T00:00:00Z of a moment in UTC (proleptic Gregorian calendar).
int64_t utc_seconds(int year, int month, int day, int hour, int minute, int second) noexcept;

/// RFC 3339 to nanoseconds since the epoch: `2026-01-02T03:04:05.123456789+02:00`. `T`, `t` or a
/// space between date and time; 0 or more fraction digits (those beyond nine are cut off), after
/// `.` or `,`; zone `Z`, `z`, `±hh:mm`, `±hhmm` or `±hh`. A second of 60 (a leap second) is taken
/// as the following one. The whole text must match, and the time must fit (1678 … 2261).
bool parse_rfc3339(std::string_view text, int64_t& ns) noexcept;

/// Reads timestamps that come one after the other and are mostly alike, as in a container's log:
/// date, time and zone of the last one are compared, and only the fraction is parsed anew.
class TimestampReader {
 public:
  /// Reads the RFC 3339 timestamp at `at`, which ends at the first space (or at `end`). Returns
  /// the place of that space (or `end`), or null when it is not a timestamp.
  const char* read(const char* at, const char* end, int64_t& ns) noexcept;

 private:
  const char* read_slowly(const char* at, const char* end, int64_t& ns) noexcept;

  char second_[20] = {};   // "2026-01-02T03:04:05", the last one seen
  char zone_[6] = {};      // "Z" or "+02:00"
  uint8_t zone_size_ = 0;  // 0: nothing remembered
  int64_t second_ns_ = 0;  // of second_ with zone_ applied
};

/// A number as a time since the epoch; its magnitude tells the unit: seconds below 1e11 (year
/// 5138), milliseconds below 1e14, microseconds below 1e17, else nanoseconds. A fraction and an
/// exponent are fine ("1767323045.123456", "1.767e9"). Digits are read exactly, not as a double.
bool parse_epoch(std::string_view number, int64_t& ns) noexcept;

enum class EpochUnit : uint8_t { seconds, milliseconds, microseconds, nanoseconds };
/// The same for a number whose unit is known.
bool parse_epoch(std::string_view number, EpochUnit unit, int64_t& ns) noexcept;

/// parse_rfc3339 or parse_epoch, whichever it looks like.
bool parse_time(std::string_view text, int64_t& ns) noexcept;

/// Longest text of format_rfc3339.
inline constexpr size_t kRfc3339Bytes = 30;
/// RFC 3339 in UTC with nanoseconds, trailing zeros trimmed as Go does: "2026-01-02T03:04:05.12Z".
/// Writes at most kRfc3339Bytes at `to`; returns how many.
size_t format_rfc3339(int64_t ns, char* to) noexcept;

}  // namespace tailrace::codec
