#pragma once

#include <string>
#include <string_view>

namespace tailrace::codec {

/// Reads a number as Prometheus's formats write them: Go's ParseFloat without hexadecimal floats
/// and digit separators. `1e9`, `.5`, `+Inf`, `-infinity`, `NaN` (any case). Exact to the last bit.
/// False when it is none, or too large for a double (as Go refuses it).
bool parse_decimal(std::string_view text, double& value) noexcept;

/// The number as OpenMetrics writes it in `le` and `quantile`: the shortest digits that give it
/// back, as Go's 'g' format lays them out, with `.0` behind what would look like an integer.
/// Source: Prometheus model/textparse, formatOpenMetricsFloat.
std::string openmetrics_number(double value);

}  // namespace tailrace::codec
