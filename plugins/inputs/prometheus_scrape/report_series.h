#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tailrace/arena.h"
#include "tailrace/metric_batch.h"

#include "plugins/common/prom/label_builder.h"
#include "plugins/common/prom/scrape_config.h"
#include "plugins/common/prom/target_set.h"

namespace tailrace::inputs::prometheus_scrape {

/// What is told of each scrape.
struct ScrapeReport {
  int64_t timestamp_ms = 0;
  bool up = false;
  double duration_seconds = 0;
  uint64_t scraped = 0;
  uint64_t post_relabel = 0;
  uint64_t added = 0;
  int64_t body_bytes = 0;  ///< -1: more than the limit.
  bool stale = false;      ///< Says that the series end; the rest means nothing.
};

/// `up` and its siblings: the series that say how a target's scrapes went. They carry the target's
/// labels; metric relabeling does not touch them.
///
/// Lifetime: the series live as long as this.
/// Source:   Prometheus scrape/scrape.go, scrapeLoop.report.
class ReportSeries {
 public:
  ReportSeries(const common::prom::ScrapeConfig& job, const StringMap& external,
               const common::prom::Target& target, common::prom::LabelBuilder& builder);
  ReportSeries(const ReportSeries&) = delete;
  ReportSeries& operator=(const ReportSeries&) = delete;

  uint32_t size() const noexcept { return size_; }
  /// Of the target's labels.
  uint64_t hash() const noexcept { return series_[0].hash; }
  /// An upper bound of what one report takes in a request.
  size_t encoded_bytes() const noexcept { return encoded_.size() + size_ * size_t{32}; }
  /// The batch's arrays lie in `arena`.
  void fill(MetricBatch& batch, const ScrapeReport& report, Arena& arena) const;

 private:
  static constexpr size_t kMost = 8;

  Duration timeout_;
  uint64_t sample_limit_;
  uint32_t size_;
  std::string encoded_;
  std::array<MetricSeries, kMost> series_;
};

}  // namespace tailrace::inputs::prometheus_scrape
