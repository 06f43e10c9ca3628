#pragma once

#include <optional>
#include <string>

#include "tailrace/batch.h"
#include "tailrace/config_schema.h"

#include "config/agent_config.h"

/// Option tables of what is no plugin's: the agent itself, the options that all outputs share, and
/// pipelines.
namespace tailrace::config {

struct AgentSection {
  std::string state_dir = "/var/lib/tailrace";
  std::optional<ByteSize> memory_limit;
  uint32_t lanes = 1;
  Duration shutdown_grace = std::chrono::seconds(20);
  AdminConfig admin;
  LogConfig log;
};
const Schema& agent_schema();

/// Read into an OutputEngineConfig, from the same map as the plugin's own options.
const Schema& output_engine_schema();

struct PipelineSection {
  StringList inputs;
  StringList processors;
  StringList outputs;
  std::optional<Signal> signal;
};
const Schema& pipeline_schema();

}  // namespace tailrace::config
