#include "plugins/converters/otlp_to_metrics/row_batch.h"

#include <new>

#include "tailrace/check.h"

#include "plugins/common/prom/label_encoding.h"

namespace tailrace::converters::otlp_to_metrics {

RowBatch::RowBatch() {
  series_.reserve(kMostRows);
}

void RowBatch::begin_unit(Receipt* receipt, Next& next) {
  receipt_ = receipt;
  next_ = &next;
  families_.clear();
  label_bytes_ = 0;
}

const MetricSeries& RowBatch::add_series(std::span<const Label> labels,
                                         const MetricFamily* family) {
  const size_t size = common::prom::encoded_labels_size(labels);
  char* const text = arena_.array<char>(size);
  common::prom::encode_labels(text, labels);
  const std::string_view encoded(text, size);
  return add_series(encoded, series_hash(encoded), family);
}

const MetricSeries& RowBatch::add_series(std::string_view encoded_labels, uint64_t hash,
                                         const MetricFamily* family) {
  TR_ASSERT(series_.size() < kMostRows);
  label_bytes_ += encoded_labels.size();
  MetricSeries& series = series_.emplace_back();
  series.encoded_labels = encoded_labels;
  series.hash = hash;
  series.family = family;
  return series;
}

void RowBatch::add_histogram(const MetricSeries& series, int64_t time_ms, int64_t created_ms,
                             const NativeHistogram& histogram) {
  const auto* const copy = new (arena_.allocate(sizeof(NativeHistogram), alignof(NativeHistogram)))
      NativeHistogram(histogram);
  rows_.add(HistogramRow{&series, time_ms, created_ms, copy});
}

void RowBatch::flush() {
  if (rows_.records() > 0) {
    MetricBatch batch;
    rows_.show_in(batch);
    batch.receipt = receipt_;
    batch.source_bytes = weight_.bytes;
    batch.source_records = weight_.records;
    next_->push(batch);
  }
  series_.clear();
  rows_.clear();
  weight_ = {};
  arena_.reset();
  if (families_.size() > 1) {
    families_.erase(families_.begin(), families_.end() - 1);  // the last one is still in work
  }
}

}  // namespace tailrace::converters::otlp_to_metrics
