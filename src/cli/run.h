#pragma once

#include "config/agent_config.h"

namespace tailrace::cli {

struct RunOptions {
  bool once = false;  // read all that is there, deliver it, and end
};

/// Runs the agent until it is told to stop, or under `once` until all is settled.
/// Returns the exit code: 0 when all went well, 1 otherwise. Log level and format were set from the
/// config and the command line before.
int run_agent(const config::AgentConfig& config, const RunOptions& options);

}  // namespace tailrace::cli
