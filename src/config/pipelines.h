#pragma once

#include <vector>

#include "tailrace/config_value.h"

#include "config/agent_config.h"

namespace tailrace::config {

/// Reads the section `pipelines` and resolves every name and every signal against the components
/// in `config`, which were read before. Components that no pipeline uses get a warning.
std::vector<PipelineConfig> read_pipelines(const ConfigValue& section, PluginTable plugins,
                                           const AgentConfig& config, ConfigContext& context);

}  // namespace tailrace::config
