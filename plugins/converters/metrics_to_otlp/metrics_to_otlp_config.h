#pragma once

#include "tailrace/config_schema.h"

namespace tailrace::converters::metrics_to_otlp {

struct MetricsToOtlpConfig {
  StringMap resource_labels;  // label -> resource attribute, besides job and instance
};

const Schema& metrics_to_otlp_schema();

}  // namespace tailrace::converters::metrics_to_otlp
