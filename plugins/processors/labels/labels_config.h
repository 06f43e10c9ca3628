#pragma once

#include <string>
#include <vector>

#include "tailrace/config_schema.h"

namespace tailrace::processors::labels {

struct ExtractConfig {
  std::string from;
  std::string regex;
};

struct LabelsConfig {
  std::string from_path;
  std::vector<ExtractConfig> extract;
  StringMap rename;
  StringList drop;
  StringList keep;
  StringMap add;

  void validate(const ConfigValue& at, ConfigContext& context) const;
};

const Schema& labels_schema();

}  // namespace tailrace::processors::labels
