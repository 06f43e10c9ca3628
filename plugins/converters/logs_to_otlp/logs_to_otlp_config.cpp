#include "plugins/converters/logs_to_otlp/logs_to_otlp_config.h"

namespace tailrace::converters::logs_to_otlp {

void LogsToOtlpConfig::validate(const ConfigValue& at, ConfigContext& context) const {
  for (const auto& [label, attribute] : attributes) {
    if (attribute.empty()) {
      context.fail(at, "attributes: \"" + label + "\" needs the name of an attribute");
    }
  }
}

const Schema& logs_to_otlp_schema() {
  static const Schema schema = Schema::of<LogsToOtlpConfig>({
      option("attributes", &LogsToOtlpConfig::attributes,
             "Labels and the resource attributes that they become, besides namespace, pod and "
             "container; other labels keep their names."),
  });
  return schema;
}

}  // namespace tailrace::converters::logs_to_otlp
