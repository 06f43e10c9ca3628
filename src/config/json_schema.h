#pragma once

#include <string>

#include "config/agent_config.h"

namespace tailrace::config {

/// A JSON Schema (draft 2020-12) of the whole configuration, for editors: completion, and errors
/// while typing. It knows the options of every type in the plugin table.
///
/// It is a little more lenient than the agent: ranges of sizes and durations, names of components
/// and everything across options are only checked by `tailrace check`.
std::string json_schema(PluginTable plugins);

}  // namespace tailrace::config
