#include "plugins/converters/metrics_to_otlp/metrics_to_otlp_config.h"

namespace tailrace::converters::metrics_to_otlp {

const Schema& metrics_to_otlp_schema() {
  static const Schema schema = Schema::of<MetricsToOtlpConfig>({
      option("resource_labels", &MetricsToOtlpConfig::resource_labels,
             "Labels that become resource attributes, and the names of these, besides job and "
             "instance; all others become attributes of the data points."),
  });
  return schema;
}

}  // namespace tailrace::converters::metrics_to_otlp
