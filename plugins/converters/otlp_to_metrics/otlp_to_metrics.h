#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/converter.h"
#include "tailrace/metric_batch.h"
#include "tailrace/otlp_batch.h"

#include "plugins/common/otlp/resource_share.h"
#include "plugins/common/prom/label_builder.h"
#include "plugins/converters/otlp_to_metrics/delta_book.h"
#include "plugins/converters/otlp_to_metrics/otlp_to_metrics_config.h"
#include "plugins/converters/otlp_to_metrics/points.h"
#include "plugins/converters/otlp_to_metrics/row_batch.h"
#include "plugins/converters/otlp_to_metrics/series_cache.h"
#include "plugins/converters/otlp_to_metrics/series_labels.h"

namespace tailrace::converters::otlp_to_metrics {

/// Makes series and samples of OTLP's metrics, as Prometheus 3's own OTLP endpoint does.
///
/// Weight: a data point is one record, however many rows it becomes; target_info is none.
/// Memory: each row has all labels of its point. Points of a resource whose labels would become
///         larger than most_growth() are refused.
/// Source: Prometheus storage/remote/otlptranslator; OpenTelemetry specification, "Prometheus and
///         OpenMetrics Compatibility".
class OtlpToMetrics final : public Converter {
 public:
  OtlpToMetrics(std::shared_ptr<const OtlpToMetricsConfig> config, ConverterContext& context);
  void convert(const Batch& batch, Next& next) noexcept override;

 private:
  void convert_resource(std::string_view message, const Weight& weight, Next& next);
  void convert_metric(const MetricHead& metric, Next& next);
  /// Why none of the metric's points can be taken, as a label for metrics; null: they can.
  const char* complaint_of(const MetricHead& metric) const noexcept;
  /// Adds the rows of a point. Returns null, or why it has none.
  const char* add_point(const MetricHead& metric, std::string_view message);
  /// Sets labels_ to those of point_, whose rows are not known. Returns null, or why it has none.
  const char* make_labels(const MetricHead& metric);
  const char* add_rows(const MetricHead& metric);
  /// Sets key_ to all that decides on the labels of point_'s rows, beside its resource and scope.
  void make_key(const MetricHead& metric);
  size_t row_count(const MetricHead& metric) const noexcept;
  void add_histogram();
  void add_summary();
  const char* add_custom_buckets();
  void add_exponential();
  void add_native(const NativeHistogram& histogram);
  void add_target_info(uint64_t earliest, uint64_t latest);
  /// A row of point_; its labels are labels_, its name that of the family and `suffix`.
  const MetricSeries& add_sample(std::string_view suffix, double value);
  const MetricSeries& add_series(std::string_view suffix);
  void set_bound(std::string_view label, double bound);
  void sort_exemplars();
  /// Those up to this value that have no series yet.
  void add_exemplars(const MetricSeries& series, double up_to);
  std::string_view number(double value);

  const std::shared_ptr<const OtlpToMetricsConfig> config_;
  SeriesLabels series_labels_;
  RowBatch rows_;
  SeriesCache cache_;
  DeltaBook deltas_;

  // Of the resource in work.
  common::otlp::ResourceShare share_;
  uint64_t most_label_bytes_ = 0;
  bool took_any_ = false;

  // Of the metric and the point in work.
  const MetricFamily* family_ = nullptr;
  Point point_;
  Arena texts_;  // of its labels
  common::prom::LabelBuilder labels_;
  const SeriesCache::Entry* known_ = nullptr;  // the point's rows, where they came before
  size_t next_known_ = 0;
  std::string name_;
  std::string key_;
  std::string context_;
  std::vector<std::pair<double, std::string_view>> exemplars_;  // by value
  size_t exemplars_done_ = 0;
  std::vector<ExemplarRow> of_series_;
};

}  // namespace tailrace::converters::otlp_to_metrics
