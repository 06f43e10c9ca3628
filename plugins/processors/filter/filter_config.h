#pragma once

#include <string>
#include <vector>

#include "tailrace/config_schema.h"
#include "tailrace/log_batch.h"

namespace tailrace::processors::filter {

/// All conditions that are written must hold.
struct RuleConfig {
  StringMap labels;
  StringMap labels_regex;
  StringMap metadata;
  StringMap metadata_regex;
  Severity severity_at_least = Severity::unset;
  Severity severity_below = Severity::unset;
  bool severity_unknown = false;
  StringList contains;
  std::string line_regex;

  bool empty() const noexcept;
};

struct FilterConfig {
  std::vector<RuleConfig> drop;
  std::vector<RuleConfig> keep;

  void validate(const ConfigValue& at, ConfigContext& context) const;
};

/// Most rules of each list.
inline constexpr size_t kMaxRules = 64;

const Schema& filter_schema();

}  // namespace tailrace::processors::filter
