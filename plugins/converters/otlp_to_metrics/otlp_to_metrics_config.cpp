#include "plugins/converters/otlp_to_metrics/otlp_to_metrics_config.h"

namespace tailrace::converters::otlp_to_metrics {

void OtlpToMetricsConfig::validate(const ConfigValue& at, ConfigContext& context) const {
  if (promote_all_resource_attributes && !promote_resource_attributes.empty()) {
    context.fail(at,
                 "promote_all_resource_attributes and promote_resource_attributes cannot both be "
                 "set",
                 "ignore_resource_attributes takes some out of all");
  }
  if (!ignore_resource_attributes.empty() && !promote_all_resource_attributes) {
    context.fail(at, "ignore_resource_attributes needs promote_all_resource_attributes: true");
  }
}

const Schema& otlp_to_metrics_schema() {
  using Config = OtlpToMetricsConfig;
  using common::otlp::Translation;
  static const Schema schema = Schema::of<Config>({
      choice("translation_strategy", &Config::translation_strategy,
             "Names of metrics and labels: with `_` for what Prometheus's names could not hold "
             "before 3.0 or as they are; with suffixes for unit and type (`_seconds`, `_total`) or "
             "without.",
             {{"UnderscoreEscapingWithSuffixes", Translation::underscores_with_suffixes},
              {"UnderscoreEscapingWithoutSuffixes", Translation::underscores_without_suffixes},
              {"NoUTF8EscapingWithSuffixes", Translation::utf8_with_suffixes},
              {"NoTranslation", Translation::none}}),
      option("promote_resource_attributes", &Config::promote_resource_attributes,
             "Resource attributes that become labels of every series."),
      option("promote_all_resource_attributes", &Config::promote_all_resource_attributes,
             "All of them become labels."),
      option("ignore_resource_attributes", &Config::ignore_resource_attributes,
             "Those that do not, with promote_all_resource_attributes."),
      option("keep_identifying_resource_attributes", &Config::keep_identifying_resource_attributes,
             "target_info has service.name, service.namespace and service.instance.id, too, not "
             "only job and instance."),
      option(
          "promote_scope_metadata", &Config::promote_scope_metadata,
          "Name, version, schema URL and attributes of the scope become labels (`otel_scope_*`)."),
      option("convert_histograms_to_nhcb", &Config::convert_histograms_to_nhcb,
             "Histograms become native ones with custom buckets; remote write 2.0 only."),
      option("target_info", &Config::target_info,
             "Make a series target_info with the resource's other attributes."),
      choice("delta", &Config::delta,
             "Sums and histograms of delta temporality: refuse them, or accumulate them into "
             "cumulative series.",
             {{"refuse", DeltaMode::refuse}, {"accumulate", DeltaMode::accumulate}}),
      option("delta_memory", &Config::delta_memory,
             "Most memory for accumulated series, on each lane; of what inputs have of "
             "`agent.memory_limit`.")
          .range("64KiB", "4GiB"),
      option("label_memory", &Config::label_memory,
             "Most memory for labels of series that came before, on each lane: they are not made "
             "once more. Of the same memory, and at most an eighth of it.")
          .range("0B", "4GiB"),
  });
  return schema;
}

}  // namespace tailrace::converters::otlp_to_metrics
