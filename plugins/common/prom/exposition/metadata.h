#pragma once

#include <string>
#include <string_view>

#include "tailrace/metric_batch.h"

namespace tailrace::common::prom {

/// The type that a `# TYPE` line names. False: there is none of this name in this format.
bool parse_metric_type(std::string_view text, bool openmetrics, MetricType& type) noexcept;

/// Whether a series of this name belongs to the family, by the suffixes that its type allows.
/// Source: Prometheus model/textparse, isSeriesPartOfFamily.
bool is_part_of_family(std::string_view series_name, std::string_view family,
                       MetricType type) noexcept;

/// Whether the unit is the end of the name, behind a `_`.
bool has_unit_suffix(std::string_view name, std::string_view unit) noexcept;

/// Whether a label's value is a number that is written anew: `le` of histograms and `quantile` of
/// summaries (`1` becomes `1.0`).
/// Source: Prometheus model/textparse, normalizeFloatsInLabelValues.
inline bool is_number_label(MetricType type, std::string_view name) noexcept {
  return (type == MetricType::histogram && name == "le") ||
         (type == MetricType::summary && name == "quantile");
}

/// What stands in a `# HELP` line with its escapes undone: `\\` and `\n`; OpenMetrics has `\"` too.
std::string unescape_help(std::string_view text, bool openmetrics);
/// What stands in quotes with its escapes undone: `\\`, `\"` and `\n`; other backslashes stay.
void append_unescaped(std::string& to, std::string_view text);

}  // namespace tailrace::common::prom
