#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tailrace/converter.h"
#include "tailrace/metric_batch.h"
#include "tailrace/otlp_batch.h"

#include "plugins/converters/metrics_to_otlp/metric_tree.h"
#include "plugins/converters/metrics_to_otlp/metrics_to_otlp_config.h"
#include "plugins/converters/metrics_to_otlp/points.h"
#include "plugins/converters/metrics_to_otlp/sample.h"

namespace tailrace::converters::metrics_to_otlp {

/// Makes OTLP's metrics of series and samples.
///
/// Shape:  one resource for each pair of job and instance; rows of a histogram or a summary with
/// the
///         same labels and time become one point. Where some of its rows are missing they stay what
///         they are, a gauge for each name, so that nothing is lost.
/// Weight: a resource weighs the rows that it was made of.
/// Source: OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility".
class MetricsToOtlp final : public Converter {
 public:
  MetricsToOtlp(std::shared_ptr<const MetricsToOtlpConfig> config, ConverterContext&)
      : config_(std::move(config)) {}
  void convert(const Batch& batch, Next& next) noexcept override;

 private:
  /// Rows that make one point, as far as they have been seen.
  struct Group {
    MetricTree::Place place;
    Kind kind = Kind::histogram;
    std::string attributes;
    std::string exemplars;
    int64_t time_ms = 0;
    int64_t created_ms = 0;
    RowGroup values;
    std::vector<uint32_t> rows;
  };

  void index_exemplars(const MetricBatch& batch);
  std::string take_exemplars(const MetricSeries& series);
  void add_row(const MetricBatch& batch, uint32_t row);
  void add_number(const MetricBatch& batch, uint32_t row, Kind kind, MetricType type);
  void add_to_group(const MetricBatch& batch, uint32_t row);
  void finish_group(const MetricBatch& batch, Group& group);
  const char* add_native(const HistogramRow& row);
  /// What the next so many rows weigh: whichever they are, all of them are weighed once.
  Weight take_weight(const MetricBatch& batch, uint32_t rows) noexcept;
  void push(const MetricBatch& batch, Next& next);

  const std::shared_ptr<const MetricsToOtlpConfig> config_;

  // Of the batch in work.
  MetricTree tree_;
  SampleHead head_;
  std::string point_;
  std::vector<Group> groups_;
  std::unordered_map<std::string, uint32_t> group_by_key_;
  std::unordered_map<const MetricSeries*, std::string> exemplars_;
  uint32_t weighed_ = 0;
};

}  // namespace tailrace::converters::metrics_to_otlp
