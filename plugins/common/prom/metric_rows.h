#pragma once

#include <cstdint>
#include <vector>

#include "tailrace/metric_batch.h"

namespace tailrace::common::prom {

/// The columns of a MetricBatch that is being filled. Keep one and use it again.
/// Lifetime: series and what rows point to are the owner's, and live as long as the rows.
class MetricRows {
 public:
  void add_sample(const MetricSeries& series, int64_t timestamp, uint64_t bits, int64_t created) {
    series_.push_back(&series);
    timestamps_.push_back(timestamp);
    values_.push_back(bits);
    created_.push_back(created);
  }
  void add(const HistogramRow& histogram) { histograms_.push_back(histogram); }
  void add(const ExemplarRow& exemplar) { exemplars_.push_back(exemplar); }

  /// Samples and histograms.
  size_t records() const noexcept { return values_.size() + histograms_.size(); }
  bool empty() const noexcept { return records() == 0 && exemplars_.empty(); }

  /// Makes the batch's columns views of all rows.
  void show_in(MetricBatch& batch) noexcept {
    batch.size = static_cast<uint32_t>(values_.size());
    batch.series = series_.data();
    batch.timestamps = timestamps_.data();
    batch.values = values_.data();
    batch.created = created_.data();
    batch.histograms = histograms_;
    batch.exemplars = exemplars_;
  }
  void clear() noexcept {
    series_.clear();
    timestamps_.clear();
    values_.clear();
    created_.clear();
    histograms_.clear();
    exemplars_.clear();
  }

 private:
  std::vector<const MetricSeries*> series_;
  std::vector<int64_t> timestamps_;
  std::vector<uint64_t> values_;
  std::vector<int64_t> created_;
  std::vector<HistogramRow> histograms_;
  std::vector<ExemplarRow> exemplars_;
};

}  // namespace tailrace::common::prom
