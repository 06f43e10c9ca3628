#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/metric_batch.h"
#include "tailrace/metrics.h"

namespace tailrace::inputs::self {

/// Turns a picture of the agent's metrics into series, as a scrape of the admin page would:
/// histograms become `_bucket` with `le` as Prometheus 3 writes it, `_sum` and `_count`.
class SeriesBuilder {
 public:
  /// `labels`: for every series that has none of that name.
  explicit SeriesBuilder(MetricLabels labels) : labels_(std::move(labels)) {}

  /// Replaces what was there.
  void build(const std::vector<OwnMetric>& metrics, int64_t timestamp_ms);
  /// A view of [first, last), good until the next build().
  MetricBatch batch(uint32_t first, uint32_t last);
  uint32_t size() const noexcept { return static_cast<uint32_t>(values_.size()); }

 private:
  void add(std::string_view name, const MetricLabels& own, std::string_view le, double value,
           const MetricFamily& family, int64_t timestamp_ms);

  const MetricLabels labels_;
  std::deque<MetricFamily> families_;
  std::deque<std::string> texts_;
  std::deque<MetricSeries> series_;
  std::vector<Label> pairs_;
  std::vector<const MetricSeries*> rows_;
  std::vector<int64_t> timestamps_;
  std::vector<uint64_t> values_;
};

}  // namespace tailrace::inputs::self
