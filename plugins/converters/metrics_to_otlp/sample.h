#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tailrace/metric_batch.h"

#include "plugins/converters/metrics_to_otlp/metrics_to_otlp_config.h"

namespace tailrace::converters::metrics_to_otlp {

/// What a row is in its family.
enum class Role : uint8_t { value, bucket, sum, count, quantile };

/// Where a series belongs in OTLP. Keep one and use it again.
/// Lifetime: views of the labels.
struct SampleHead {
  std::string_view name;    ///< `__name__`.
  std::string_view metric;  ///< The name of the OTLP metric: without `_bucket` and its siblings.
  Role role = Role::value;
  double bound = 0;      ///< Of buckets and quantiles.
  std::string resource;  ///< The Resource message's attributes: whole fields.
  std::string scope;     ///< The InstrumentationScope message.
  std::string_view schema_url;
  std::string attributes;  ///< Of the data point: whole fields.
};

/// How a series is looked at.
enum class As : uint8_t {
  row,     ///< A sample, in the role that its family gives it.
  single,  ///< A sample for itself, whatever its family is.
  native,  ///< A native histogram with exponential buckets.
  custom,  ///< One with custom buckets.
};

/// Reads the labels of a series. `job` and `instance` become service.name, service.namespace and
/// service.instance.id; `otel_scope_*` the scope; others attributes.
/// Source: OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility".
void read_head(const MetricSeries& series, As as, const MetricsToOtlpConfig& config,
               SampleHead& head);

}  // namespace tailrace::converters::metrics_to_otlp
