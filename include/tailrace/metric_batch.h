#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/batch.h"
#include "tailrace/labels.h"

namespace tailrace {

/// Types as OpenMetrics names them; the text format's "untyped" is `unknown`.
enum class MetricType : uint8_t {
  unknown,
  counter,
  gauge,
  histogram,
  gauge_histogram,
  summary,
  info,
  stateset
};
/// "counter", "gaugehistogram" … as OpenMetrics writes them.
std::string_view to_string(MetricType type) noexcept;

/// What is known of all series of one name (the exposition's # TYPE, # HELP and # UNIT).
struct MetricFamily {
  std::string name;
  MetricType type = MetricType::unknown;
  std::string help;
  std::string unit;
};

/// The bits of the NaN that marks the end of a series.
/// Source: Prometheus model/value, StaleNaN.
inline constexpr uint64_t kStaleNan = 0x7ff0000000000002;
/// The NaN that stands for every other one: payloads of a page's NaNs are not kept.
inline constexpr uint64_t kNormalNan = 0x7ff8000000000001;

/// What outputs and processors keep with a series (its labels after their own relabeling), each in
/// a slot of its own (LabelInterner::new_slot).
class SeriesAttachments {
 public:
  LabelAttachment* get(uint32_t slot) const noexcept {
    return slots_ != nullptr && slot < slots_->size() ? (*slots_)[slot].get() : nullptr;
  }
  void set(uint32_t slot, std::unique_ptr<LabelAttachment> what);
  /// For whoever owns the series and accounts for its memory.
  size_t bytes() const noexcept;

 private:
  std::unique_ptr<std::vector<std::unique_ptr<LabelAttachment>>> slots_;  // null: the usual case
};

/// One series: a label set whose encoding for the wire is computed once.
///
/// Shape:    `encoded_labels` is `repeated Label labels = 1` of remote write 1.0's TimeSeries: for
///           each label, sorted by name (byte order), 0x0a, length, {0x0a, length, name, 0x12,
///           length, value}. `__name__` is one of them. No name twice, no empty value.
/// Lifetime: owned by whoever made it (a scrape cache's entry, an array in the arena); its bytes
///           outlive it. Attachments die with it.
/// Lane:     one lane.
struct MetricSeries {
  std::string_view encoded_labels;
  uint64_t hash = 0;  ///< series_hash(encoded_labels): the same on every lane and in every run.
  const MetricFamily* family = nullptr;  ///< Null: nothing is known. May change between batches.
  /// What outputs keep with the series. Empty for those that send the labels as they are.
  mutable SeriesAttachments attachments;
};
/// The hash that MetricSeries keeps.
uint64_t series_hash(std::string_view encoded_labels) noexcept;

/// Reads the pairs of MetricSeries::encoded_labels, in order:
///   for (const Label& label : EncodedLabels(series.encoded_labels)) …
class EncodedLabels {
 public:
  /// `encoded` must be well formed: what our own encoders made, or a receiver has checked.
  explicit EncodedLabels(std::string_view encoded) noexcept : encoded_(encoded) {}

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Label;
    using difference_type = std::ptrdiff_t;
    using pointer = const Label*;
    using reference = const Label&;

    Iterator(const char* at, const char* end) noexcept : at_(at), end_(end) { read(); }
    const Label& operator*() const noexcept { return label_; }
    const Label* operator->() const noexcept { return &label_; }
    Iterator& operator++() noexcept {
      at_ = next_;
      read();
      return *this;
    }
    bool operator==(const Iterator& other) const noexcept { return at_ == other.at_; }

   private:
    void read() noexcept;
    const char* at_;
    const char* end_;
    const char* next_ = nullptr;
    Label label_;
  };
  Iterator begin() const noexcept { return {encoded_.data(), encoded_.data() + encoded_.size()}; }
  Iterator end() const noexcept {
    const char* end = encoded_.data() + encoded_.size();
    return {end, end};
  }

 private:
  std::string_view encoded_;
};

/// A run of populated buckets.
struct BucketSpan {
  int32_t offset = 0;  ///< Gap to the span before; for the first one the starting index.
  uint32_t length = 0;
};

/// A native histogram of integers or of floats.
/// Source: remote write's Histogram message, which it mirrors field by field.
struct NativeHistogram {
  enum class ResetHint : uint8_t { unknown = 0, yes = 1, no = 2, gauge = 3 };

  bool is_float = false;
  uint64_t count = 0;  ///< Of integers.
  double count_float = 0;
  double sum = 0;
  int32_t schema = 0;  ///< -4 … 8, or -53: custom buckets.
  double zero_threshold = 0;
  uint64_t zero_count = 0;
  double zero_count_float = 0;
  std::span<const BucketSpan> negative_spans;
  std::span<const int64_t> negative_deltas;  ///< Of integers: differences of counts.
  std::span<const double> negative_counts;   ///< Of floats: counts.
  std::span<const BucketSpan> positive_spans;
  std::span<const int64_t> positive_deltas;
  std::span<const double> positive_counts;
  ResetHint reset_hint = ResetHint::unknown;
  std::span<const double> custom_values;  ///< Upper bounds, schema -53 only.
};

/// One native histogram sample; a stale marker is one whose sum has the bits of kStaleNan.
struct HistogramRow {
  const MetricSeries* series = nullptr;
  int64_t timestamp = 0;
  int64_t created = 0;  ///< As MetricBatch::created.
  const NativeHistogram* histogram = nullptr;
};

struct ExemplarRow {
  const MetricSeries* series = nullptr;
  std::span<const Label> labels;
  double value = 0;
  int64_t timestamp = 0;  ///< 0: the exposition gave none.
};

/// Samples of any number of series, accepted or refused as a whole (one scrape, one received
/// body).
///
/// Shape:    `size` rows as a structure of arrays, and side tables for what few rows have. Rows of
///           one series are in the order of their timestamps.
/// Units:    timestamps in ms since the Unix epoch; values as the bits of a double, so that NaNs
///           keep theirs.
/// Lifetime: arrays live in the lane's arena or with their input, until the call returns; series
///           likewise (they may live on).
class MetricBatch final : public Batch {
 public:
  static const BatchType kType;
  MetricBatch() noexcept : Batch(kType) {}

  uint32_t size = 0;
  const MetricSeries** series = nullptr;
  int64_t* timestamps = nullptr;
  uint64_t* values = nullptr;
  int64_t* created = nullptr;  ///< Start of each row's counter, 0 where not known. Null: of none.
  std::span<const HistogramRow> histograms;
  std::span<const ExemplarRow> exemplars;
  uint64_t source_bytes = 0;  ///< Of the whole batch, comments and framing included.
  /// Source records of the whole batch, where they are not its records() (what was one data point
  /// may be many rows).
  std::optional<uint64_t> source_records;

  /// Rows and histograms count as records; exemplars travel with their series.
  uint32_t records() const noexcept { return size + static_cast<uint32_t>(histograms.size()); }
  Weight weight() const noexcept override {
    return {source_records.value_or(records()), source_bytes};
  }
  /// The weight of records [first, last), histograms being counted behind the rows. Pieces that
  /// cover the batch sum up to weight().
  Weight weight_of(uint32_t first, uint32_t last) const noexcept;
  Batch* copy_views(Arena& arena) const override;
};

}  // namespace tailrace
