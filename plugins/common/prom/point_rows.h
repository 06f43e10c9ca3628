#pragma once

#include "tailrace/metric_batch.h"

/// A histogram or a summary comes as rows of several series. Who must cut rows into batches cuts
/// between two points, so that outputs that put points together again find all of one in one batch.
namespace tailrace::common::prom {

/// True where a point may come as rows of several series.
bool has_parts(MetricType type) noexcept;

/// True for parts of one histogram or summary: of one family, with the same labels but for the
/// name, `le` and `quantile`.
bool are_of_one_point(const MetricSeries& a, const MetricSeries& b) noexcept;

}  // namespace tailrace::common::prom
