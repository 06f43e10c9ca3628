#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "tailrace/arena.h"
#include "tailrace/labels.h"
#include "tailrace/metric_batch.h"
#include "tailrace/processor.h"

#include "plugins/common/prom/metric_rows.h"

namespace tailrace::converters::otlp_to_metrics {

/// Collects rows and hands them on as MetricBatches.
///
/// Shape:    a batch has kMostRows rows at most; whoever adds rows asks for room first: for those
/// of
///           a point, so that they come in one batch, and for each row, in case they are too many.
/// Lifetime: series, labels and what is put into arena() live until the next batch is handed on,
///           families too, and the last one until another one is added.
class RowBatch {
 public:
  static constexpr uint32_t kMostRows = 1024;

  RowBatch();
  /// Begins with another unit, whose batches go to `next`; both outlive end_unit().
  void begin_unit(Receipt* receipt, Next& next);
  /// Hands on what is left.
  void end_unit() { flush(); }

  /// For texts and arrays of the next row.
  Arena& arena() noexcept { return arena_; }
  const MetricFamily& add_family(MetricFamily family) {
    return families_.emplace_back(std::move(family));
  }
  /// Hands the batch on when it has no room for so many rows.
  void make_room(size_t rows) {
    if (series_.size() + rows > kMostRows && !series_.empty()) {
      flush();
    }
  }
  /// A series with these labels; for the next row. `labels` are copied.
  const MetricSeries& add_series(std::span<const Label> labels, const MetricFamily* family);
  /// One whose labels are encoded already, and live until end_unit().
  const MetricSeries& add_series(std::string_view encoded_labels, uint64_t hash,
                                 const MetricFamily* family);
  /// The last so many series that were added to the batch.
  std::span<const MetricSeries> last_series(size_t count) const noexcept {
    return std::span(series_).last(count);
  }
  size_t series_count() const noexcept { return series_.size(); }
  void add_row(const MetricSeries& series, int64_t time_ms, uint64_t bits, int64_t created_ms) {
    rows_.add_sample(series, time_ms, bits, created_ms);
  }
  void add_histogram(const MetricSeries& series, int64_t time_ms, int64_t created_ms,
                     const NativeHistogram& histogram);
  void add_exemplar(const ExemplarRow& exemplar) { rows_.add(exemplar); }
  /// The rows that were added last stand for this much.
  void add_weight(const Weight& weight) { weight_ += weight; }
  /// Bytes of all labels since begin_unit().
  uint64_t label_bytes() const noexcept { return label_bytes_; }

 private:
  void flush();

  Arena arena_;
  Receipt* receipt_ = nullptr;
  Next* next_ = nullptr;
  std::deque<MetricFamily> families_;
  std::vector<MetricSeries> series_;  // never more than it has room for: rows point into it
  common::prom::MetricRows rows_;
  Weight weight_;
  uint64_t label_bytes_ = 0;
};

}  // namespace tailrace::converters::otlp_to_metrics
