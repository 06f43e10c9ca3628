#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tailrace/clock.h"
#include "tailrace/config_schema.h"

/// Numbers with units as people write them, and back.
namespace tailrace::config {

/// `4096`, `10MB`, `64MiB`, `1.5GiB`, and Kubernetes' `64Mi`. `64M` is refused: it means 10^6 to
/// some and 2^20 to others. Null also when it does not fit into 64 bits.
std::optional<ByteSize> parse_size(std::string_view text);
/// The shortest exact form: `64MiB`, `10MB`, `4097`.
std::string print_size(ByteSize size);

/// As Prometheus writes them, `1h30m`, `500ms`, largest unit first, with `us` and `ns` and
/// fractions (`1.5s`) besides; and `0`. A day is 24 hours, a week 7 days, a year 365.
std::optional<Duration> parse_duration(std::string_view text);
/// The shortest exact form: `1m30s`, `1d`, `0s`.
std::string print_duration(Duration duration);

/// A whole number, decimal, with an optional sign and nothing else.
std::optional<int64_t> parse_int64(std::string_view text);
std::optional<uint64_t> parse_uint64(std::string_view text);
/// A finite decimal number.
std::optional<double> parse_double(std::string_view text);

}  // namespace tailrace::config
