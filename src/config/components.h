#pragma once

#include <string>
#include <vector>

#include "tailrace/config_value.h"
#include "tailrace/plugin.h"

#include "config/agent_config.h"

namespace tailrace::config {

/// Reads one of the sections `inputs`, `processors` and `outputs`. A component with errors is in
/// the result all the same, so that pipelines may name it; its type is null when that is unknown.
std::vector<ComponentConfig> read_components(ComponentKind kind, const ConfigValue& section,
                                             PluginTable plugins, ConfigContext& context);

/// Refuses two listeners on one address and port, the admin port among them. `root` is the tree
/// that the config was read from.
void check_listeners(const AgentConfig& config, const ConfigValue& root, ConfigIssues& issues);

/// "inputs", "processors", "outputs" or "converters".
std::string section_name(ComponentKind kind);

/// Names of components and pipelines: they become labels, file names and command line arguments.
bool is_good_name(std::string_view name);
inline constexpr const char* kNameRule =
    "a name starts with a letter or _, goes on with letters, digits, _ and -, and has at most 64";

}  // namespace tailrace::config
