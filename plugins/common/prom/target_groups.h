#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tailrace/result.h"

#include "plugins/common/prom/discovery.h"

namespace tailrace::common::prom {

/// Reads a list of target groups as files and HTTP endpoints serve them:
/// `[{"targets": ["host:port", …], "labels": {"name": "value", …}}, …]`. `source` of the groups is
/// left empty. An error says what is wrong, and for YAML where.
/// Source: Prometheus discovery/targetgroup, Group.UnmarshalJSON and UnmarshalYAML.
Result<std::vector<TargetGroup>> parse_json_groups(std::string_view text);
Result<std::vector<TargetGroup>> parse_yaml_groups(std::string_view text);

}  // namespace tailrace::common::prom
