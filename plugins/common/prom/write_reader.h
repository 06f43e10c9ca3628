#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "tailrace/arena.h"
#include "tailrace/metric_batch.h"
#include "tailrace/result.h"

#include "plugins/common/prom/remote_write.h"
#include "plugins/common/prom/series_row.h"

namespace tailrace::common::prom {

struct WriteTotals {
  uint64_t series = 0;
  uint64_t samples = 0;
  uint64_t histograms = 0;
  uint64_t exemplars = 0;
  uint64_t metadata = 0;  ///< 1.0's metadata entries.
  uint64_t bytes = 0;     ///< What the series take in 1.0, which is no less than in 2.0.

  uint64_t records() const noexcept { return samples + histograms; }
};

/// What remote write tells of a family; views of the body.
struct MetadataView {
  std::string_view family_name;  ///< 1.0 only.
  MetricType type = MetricType::unknown;
  std::string_view help;
  std::string_view unit;
};

/// One TimeSeries of a body.
/// Lifetime: labels are a view of the body where its bytes are as ours would be, else they and all
///           arrays lie in the arena; views within are of the body.
struct DecodedSeries {
  struct Sample {
    uint64_t value = 0;
    int64_t timestamp = 0;
    int64_t created = 0;
  };
  struct Histogram {
    NativeHistogram histogram;
    int64_t timestamp = 0;
    int64_t created = 0;
  };

  std::string_view labels;                ///< As MetricSeries::encoded_labels.
  std::string_view metric;                ///< The value of __name__.
  std::span<const Sample> samples;        // in order of their timestamps
  std::span<const Histogram> histograms;  // likewise
  std::span<const ExemplarView> exemplars;
  bool has_metadata = false;
  MetadataView metadata;  ///< 2.0 only.
  size_t offset = 0;      ///< Of the TimeSeries' content in the body.
};

/// Reads uncompressed requests of remote write.
///
/// A request is good when it decodes and each series has labels by the rules: sorted by name, no
/// name twice, none empty, no value empty, valid UTF-8, `__name__` among them; histograms whose
/// spans and buckets agree; in 2.0 symbols that begin with the empty one, and refs within them.
/// Lane: keeps its scratch memory; one user at a time.
/// Source: remote write 1.0 and 2.0, "Labels", "Symbols"; model/histogram Validate.
class WriteReader {
 public:
  using Each = std::function<void(const DecodedSeries&)>;

  /// Checks all of a body; the error (invalid) says what is wrong.
  Result<WriteTotals> check(WriteVersion version, std::string_view body);
  /// Every series of a body, in order. What was checked reads to its end; else false where it
  /// breaks. `arena` holds what is handed to `each`; it may be reset within `each`.
  bool read(WriteVersion version, std::string_view body, Arena& arena, const Each& each);
  /// 1.0's metadata entries of a body that was checked.
  void read_metadata(std::string_view body, const std::function<void(const MetadataView&)>& each);
  /// Most memory that check() and read() take for themselves, for a body of this size.
  static size_t scratch_bytes(WriteVersion version, size_t body_size) noexcept {
    return 2 * kMaxSeriesBytes + (version == WriteVersion::v2 ? 4 * body_size : 0);
  }
  /// Gives memory back that a large body took.
  void release() noexcept;

  /// What one series may take while it is decoded.
  static constexpr size_t kMaxSeriesBytes = 1 << 20;

 private:
  const char* read_symbols(std::string_view body);
  const char* decode(WriteVersion version, std::string_view message, Arena& arena,
                     DecodedSeries& out);
  const char* read_label_v1(std::string_view message, std::string_view pair);
  const char* read_refs(std::string_view packed, std::vector<Label>& out);
  const char* check_labels(const std::vector<Label>& labels, std::string_view& metric) const;
  const char* read_sample(std::string_view message);
  const char* read_exemplar(WriteVersion version, std::string_view message, Arena& arena);
  const char* read_histogram(std::string_view message, Arena& arena);
  const char* read_metadata_v2(std::string_view message, MetadataView& out) const;

  std::vector<std::string_view> symbols_;
  std::vector<Label> labels_;
  const char* canonical_end_ = nullptr;  // of the labels so far; null: must be encoded anew
  std::vector<DecodedSeries::Sample> samples_;
  std::vector<DecodedSeries::Histogram> histograms_;
  std::vector<ExemplarView> exemplars_;
  std::vector<Label> exemplar_labels_;
  std::vector<BucketSpan> spans_[2];
  std::vector<int64_t> deltas_[2];
  std::vector<double> counts_[2];
  std::vector<double> custom_values_;
  Arena scratch_;
};

}  // namespace tailrace::common::prom
