#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "config/agent_config.h"

/// What the program's subcommands do, apart from main() so that tests can call it.
namespace tailrace::cli {

// Exit codes.
inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;     // while running
inline constexpr int kBadConfig = 2;  // a broken configuration or command line; nothing was started

/// Loads a configuration. When it is broken, all that is wrong with it is written to `err`, one
/// line each; of a good one the warnings are left to the caller.
std::optional<config::AgentConfig> load_or_explain(const std::string& path,
                                                   config::PluginTable plugins,
                                                   ConfigIssues& issues, std::ostream& err);

/// `tailrace check`: errors and warnings to `err`, `FILE: ok` and a summary to `out`.
int check(const std::string& path, config::PluginTable plugins, std::ostream& out,
          std::ostream& err);

/// `tailrace version`.
int version(config::PluginTable plugins, std::ostream& out);

}  // namespace tailrace::cli
