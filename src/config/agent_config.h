#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/batch.h"
#include "tailrace/clock.h"
#include "tailrace/config_schema.h"
#include "tailrace/config_value.h"
#include "tailrace/log.h"
#include "tailrace/plugin.h"

#include "base/log.h"

/// The configuration as the engine takes it: typed, checked, with every name resolved.
namespace tailrace::config {

/// What an output does when its buffer is full, on disk too.
enum class WhenFull : uint8_t {
  block,        ///< Gives no more credit: its inputs wait.
  drop_oldest,  ///< Drops its oldest requests that are not in flight, and counts them.
};

/// What the engine does for every output alike. Sizes count for the output as a whole, all lanes
/// together.
struct OutputEngineConfig {
  ByteSize memory{16 << 20};
  ByteSize disk{1 << 30};
  WhenFull when_full = WhenFull::block;
  ByteSize batch_bytes{1 << 20};  // before compression
  Duration linger = std::chrono::seconds(1);
  uint32_t shards = 1;
  Duration spool_after = std::chrono::seconds(30);            // what can be read again
  Duration spool_after_unreadable = std::chrono::seconds(1);  // what cannot
  Duration min_backoff = std::chrono::milliseconds(500);
  Duration max_backoff = std::chrono::seconds(30);
  uint32_t max_in_flight = 8;  // sequences; the adaptive limit stays below it
  std::string quarantine;      // folder for payloads that were refused for good; "" = none
};

/// A converter with its options, as they are written where it will work.
struct ConversionConfig {
  const PluginDescriptor* plugin = nullptr;  ///< Null: nothing to convert.
  std::shared_ptr<const void> config;        ///< Of plugin->new_config(), filled in.
  ConfigPosition position;                   ///< Of its options; line 0: none are written.
};

struct ComponentConfig {
  std::string name;
  const PluginDescriptor* plugin = nullptr;
  std::shared_ptr<void> config;               // of plugin->new_config(), filled in
  ConfigPosition position;                    // of the name
  OutputEngineConfig output;                  // used by outputs only
  std::vector<ConversionConfig> conversions;  // outputs: those that may be needed
};

/// The way of batches of one form through a pipeline.
struct RouteConfig {
  const BatchType* form = nullptr;              // as they come from the input
  std::vector<ConversionConfig> to_processors;  // in front of each processor
  std::vector<ConversionConfig> to_outputs;     // in front of each output
};

struct PipelineConfig {
  std::string name;
  Signal signal = Signal::logs;
  std::vector<std::string> inputs;  // names of components that exist, in the order written
  std::vector<std::string> processors;
  std::vector<std::string> outputs;
  std::vector<RouteConfig> routes;  // one for each form that an input gives
  ConfigPosition position;
};

/// The form of the batches of a signal that an input gives; kAnyForm when it does not say.
const BatchType* form_given(const PluginDescriptor& input, Signal signal) noexcept;

struct AdminConfig {
  std::string listen = "0.0.0.0:2020";  // "" = off
};

struct LogConfig {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
};

struct AgentConfig {
  std::string file;  // where it was read from; "" for text
  std::string state_dir = "/var/lib/tailrace";
  ByteSize memory_limit;            // never 0 after load(): the configured or the found one
  std::string memory_limit_origin;  // "config", "cgroup", "default"
  uint32_t lanes = 1;
  AdminConfig admin;
  Duration shutdown_grace = std::chrono::seconds(20);
  LogConfig log;

  // In the order of the file.
  std::vector<ComponentConfig> inputs;
  std::vector<ComponentConfig> processors;
  std::vector<ComponentConfig> outputs;
  std::vector<PipelineConfig> pipelines;
};

using PluginTable = std::span<const PluginDescriptor* const>;

/// Reads and checks a configuration file. Everything that is wrong goes to `issues`, sorted by
/// place; with errors there is no config. Warnings do not prevent one.
std::optional<AgentConfig> load(const std::string& path, PluginTable plugins, ConfigIssues& issues);

/// The same from text, which came from a file in `folder` ("" = from no file).
std::optional<AgentConfig> load_text(std::string_view text, PluginTable plugins,
                                     ConfigIssues& issues, const std::string& folder = {});

/// `conf/a.yaml:12:7 outputs.loki.timeout: expected a duration such as 5s, got "5"`, with the hint
/// after a semicolon; `severity` ("warning") stands before the path. One line, without its end.
std::string to_line(const std::string& file, const ConfigIssue& issue,
                    std::string_view severity = {});

}  // namespace tailrace::config
