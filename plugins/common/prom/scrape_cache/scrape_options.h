#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "tailrace/labels.h"

namespace tailrace::common::prom {

class LabelBuilder;  // label_builder.h

/// How a page is written (from the answer's Content-Type).
enum class PageFormat : uint8_t {
  text,         ///< Prometheus text 0.0.4 and 1.0.0
  openmetrics,  ///< OpenMetrics text 0.0.1 and 1.0.0
  protobuf,     ///< delimited io.prometheus.client.MetricFamily
};

/// What makes a series of what a page says: target labels, honor_labels, metric relabeling.
/// Called once for each series that a cache does not know yet, not once per sample.
class SeriesMaker {
 public:
  virtual ~SeriesMaker() = default;
  /// `scraped` is sorted by name, `__name__` among them, no name twice; values may be empty
  /// (honor_labels asks whether a label is there at all). Leaves the final labels in `series`.
  /// False: dropped.
  virtual bool make(std::span<const Label> scraped, LabelBuilder& series) = 0;
};

/// What of a scrape_config concerns what is in the page. 0 is "no limit" everywhere.
struct PageOptions {
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  /// metric_name_validation_scheme: legacy.
  bool legacy_names = false;
  /// Native histograms of the protobuf format become HistogramRows; else they are read as classic.
  bool native_histograms = false;
  /// The classic part of what is also a native histogram is kept.
  bool always_classic_histograms = false;
  /// convert_classic_histograms_to_nhcb: HistogramRows with custom buckets in place of classic
  /// histograms (or beside them, with always_classic_histograms).
  bool classic_to_custom_buckets = false;
  uint64_t body_size_limit = 0;
  uint64_t sample_limit = 0;
  uint64_t label_limit = 0;
  uint64_t label_name_length_limit = 0;
  uint64_t label_value_length_limit = 0;
  uint64_t native_histogram_bucket_limit = 0;
  double native_histogram_min_bucket_factor = 0;
};

/// Why a page is not taken. `text` is for people (the target's last error).
struct PageError {
  enum class Kind : uint8_t { none, broken, sample_limit, label_limit, bucket_limit, body_size };
  Kind kind = Kind::none;
  std::string text;
  explicit operator bool() const noexcept { return kind != Kind::none; }
};

/// Counts of one page, as Prometheus's report series tell them; also of a page that failed.
struct PageCounts {
  uint64_t scraped = 0;       ///< scrape_samples_scraped
  uint64_t post_relabel = 0;  ///< scrape_samples_post_metric_relabeling: duplicates included
  uint64_t added = 0;         ///< scrape_series_added
  uint64_t bytes = 0;         ///< of the page
  // What was left out of a good page.
  uint64_t duplicates = 0;     ///< The series had a sample before in this page: the first counts.
  uint64_t out_of_order = 0;   ///< An explicit timestamp before the one of the line above.
  uint64_t out_of_bounds = 0;  ///< An explicit timestamp more than 10 minutes in the future.
};

}  // namespace tailrace::common::prom
