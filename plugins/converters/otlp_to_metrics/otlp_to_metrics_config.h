#pragma once

#include "tailrace/config_schema.h"

#include "plugins/common/otlp/prometheus_names.h"

namespace tailrace::converters::otlp_to_metrics {

/// What to do with points that tell what was added since the one before.
enum class DeltaMode : uint8_t { refuse, accumulate };

/// The options of Prometheus's own section `otlp`, where it has them.
struct OtlpToMetricsConfig {
  common::otlp::Translation translation_strategy =
      common::otlp::Translation::underscores_with_suffixes;
  StringList promote_resource_attributes;
  bool promote_all_resource_attributes = false;
  StringList ignore_resource_attributes;
  bool keep_identifying_resource_attributes = false;
  bool promote_scope_metadata = false;
  bool convert_histograms_to_nhcb = false;
  bool target_info = true;
  DeltaMode delta = DeltaMode::refuse;
  ByteSize delta_memory{8 << 20};
  ByteSize label_memory{4 << 20};

  void validate(const ConfigValue& at, ConfigContext& context) const;
};

const Schema& otlp_to_metrics_schema();

}  // namespace tailrace::converters::otlp_to_metrics
