#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/engine.h"

namespace tailrace::admin {

/// What GET /api/v1/targets was asked for.
struct TargetsQuery {
  bool active = true;
  bool dropped = true;
  std::string pool;  ///< Only of this job; "" = of all.
};
/// Reads `state=active|dropped|any` and `scrapePool=…`; what is not known is not looked at.
TargetsQuery read_targets_query(std::string_view query);

/// Targets in the shape of Prometheus's own API, so that its tools can read them, with a few fields
/// more.
/// Source: Prometheus docs/querying/api, Targets.
std::string targets_json(const std::vector<pipeline::LaneSnapshot>& lanes,
                         const TargetsQuery& query);

}  // namespace tailrace::admin
