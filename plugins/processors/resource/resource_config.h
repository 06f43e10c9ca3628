#pragma once

#include "tailrace/config_schema.h"

namespace tailrace::processors::resource {

struct ResourceConfig {
  StringMap rename;
  StringList drop;
  StringMap add;
  StringMap upsert;

  void validate(const ConfigValue& at, ConfigContext& context) const;
};

const Schema& resource_schema();

}  // namespace tailrace::processors::resource
