#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tailrace::codec {

/// A date as HTTP writes it, "Sun, 06 Nov 1994 08:49:37 GMT", to seconds since the epoch.
/// Source: RFC 9110, section 5.6.7 (IMF-fixdate; the two obsolete forms are not read).
std::optional<int64_t> parse_http_date(std::string_view text) noexcept;

/// The value of a Retry-After header: seconds, or a date (compared with `wall_ns`). A date in the
/// past is 0. At most an hour: whatever asks for more is asked again in between.
/// Source: RFC 9110, section 10.2.3.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view text,
                                                           int64_t wall_ns) noexcept;

}  // namespace tailrace::codec
