#pragma once

#include "tailrace/config_schema.h"

namespace tailrace::converters::logs_to_otlp {

struct LogsToOtlpConfig {
  StringMap attributes;  // label -> attribute, besides kAttributeNames

  void validate(const ConfigValue& at, ConfigContext& context) const;
};

const Schema& logs_to_otlp_schema();

}  // namespace tailrace::converters::logs_to_otlp
