#include "plugins/converters/otlp_to_logs/otlp_to_logs_config.h"

namespace tailrace::converters::otlp_to_logs {

const Schema& otlp_to_logs_schema() {
  static const Schema schema = Schema::of<OtlpToLogsConfig>({
      option("labels", &OtlpToLogsConfig::labels,
             "Resource attributes that become labels of the stream, with _ for what no label name "
             "may hold; all others become structured metadata."),
  });
  return schema;
}

}  // namespace tailrace::converters::otlp_to_logs
