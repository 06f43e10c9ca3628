#pragma once

#include <iosfwd>
#include <string>

#include "tailrace/plugin.h"

#include "config/agent_config.h"

namespace tailrace::cli {

/// `tailrace relabel`: shows step by step what the relabeling rules of one component make of a
/// target or of a sample. `component` may be empty when only one has rules. Returns the exit code.
int relabel(const std::string& config_path, const std::string& component,
            const RelabelQuestion& question, config::PluginTable plugins, std::ostream& out,
            std::ostream& err);

}  // namespace tailrace::cli
