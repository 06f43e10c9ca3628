#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tailrace/metric_batch.h"

namespace tailrace::common::prom {

/// What is written of an exemplar.
struct ExemplarView {
  std::span<const Label> labels;
  double value = 0;
  int64_t timestamp = 0;  ///< 0: none was given.
};

/// One sample or one native histogram on its way to the wire, with all that belongs to it.
/// Lifetime: a view of a batch, or of what a processor of labels keeps with the series.
struct SeriesRow {
  std::string_view labels;  ///< As MetricSeries::encoded_labels.
  const MetricFamily* family = nullptr;
  const NativeHistogram* histogram = nullptr;  ///< Set: in place of the value.
  int64_t timestamp = 0;
  uint64_t value = 0;  ///< Bits of a double.
  int64_t created = 0;
  std::span<const ExemplarView> exemplars;
  bool only_exemplars = false;  ///< There is neither a sample nor a histogram.

  /// Rows that lie next to each other can share one TimeSeries: same labels, same kind.
  bool joins(const SeriesRow& next) const noexcept {
    return labels.data() == next.labels.data() && labels.size() == next.labels.size() &&
           (histogram == nullptr) == (next.histogram == nullptr);
  }
};

}  // namespace tailrace::common::prom
