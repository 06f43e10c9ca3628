#include "config/agent_schema.h"

#include <utility>
#include <vector>

#include "config/listen_address.h"

namespace tailrace::config {
namespace {

/// An object in the file whose options lie in the outer struct itself: `batch: {bytes: 1MiB}` for a
/// member `batch_bytes`.
template <class C>
Option<C> group(std::string name, std::string doc, const Schema& schema) {
  OptionRow row;
  row.name = std::move(name);
  row.doc = std::move(doc);
  row.type = tailrace::detail::object_type();
  row.nested = std::shared_ptr<const Schema>(std::shared_ptr<void>(), &schema);
  row.read = [&schema](const ConfigValue& value, void* outer, ConfigContext& context) {
    return tailrace::detail::read_object(value, outer, schema, context);
  };
  return Option<C>(std::move(row));
}

const Schema& admin_schema() {
  static const Schema schema = Schema::of<AdminConfig>({
      option("listen", &AdminConfig::listen,
             "Address of metrics, health and the admin page; \"\" turns them off. Nothing there "
             "changes anything or shows log content.")
          .check<std::string>(&AdminConfig::listen,
                              [](const std::string& listen) -> std::string {
                                return listen.empty() || parse_listen(listen)
                                           ? ""
                                           : "expected an address such as 0.0.0.0:2020";
                              }),
  });
  return schema;
}

const Schema& log_schema() {
  static const Schema schema = Schema::of<LogConfig>({
      choice("level", &LogConfig::level, "Least important lines of the agent's own log to write.",
             {{"trace", LogLevel::trace},
              {"debug", LogLevel::debug},
              {"info", LogLevel::info},
              {"warn", LogLevel::warn},
              {"error", LogLevel::error}}),
      choice("format", &LogConfig::format, "Form of the agent's own log on stderr.",
             {{"text", LogFormat::text}, {"json", LogFormat::json}}),
  });
  return schema;
}

using Engine = OutputEngineConfig;

const Schema& buffer_schema() {
  static const Schema schema = Schema::of<Engine>({
      option("memory", &Engine::memory,
             "Requests that wait in memory, for all lanes together. What exceeds it goes to disk.")
          .range("64KiB", "64GiB"),
      option("disk", &Engine::disk,
             "Requests that wait in the spool under agent.state_dir; 0 = none.")
          .range("0", "16TiB"),
      choice("when_full", &Engine::when_full,
             "When both are full: let the inputs wait, or drop what is oldest and count it.",
             {{"block", WhenFull::block}, {"drop_oldest", WhenFull::drop_oldest}}),
  });
  return schema;
}

const Schema& batch_schema() {
  static const Schema schema = Schema::of<Engine>({
      option("bytes", &Engine::batch_bytes,
             "A request is sent when it has this many bytes before compression.")
          .range("1KiB", "64MiB"),
      option("linger", &Engine::linger, "A request is sent at the latest after this time.")
          .range("1ms", "1m"),
  });
  return schema;
}

const Schema& spool_after_schema() {
  static const Schema schema = Schema::of<Engine>({
      option("rereadable", &Engine::spool_after, "Records of a file that is still there.")
          .range("0s", "1h"),
      option("live", &Engine::spool_after_unreadable,
             "Records that cannot be read again: received ones, scrapes, deleted files.")
          .range("0s", "1h"),
  });
  return schema;
}

const Schema& retry_schema() {
  static const Schema schema = Schema::of<Engine>({
      option("min_backoff", &Engine::min_backoff, "Wait before the first repeat.")
          .range("1ms", "10m"),
      option("max_backoff", &Engine::max_backoff,
             "Longest wait between repeats; a server that asks for more gets it.")
          .range("1ms", "1h"),
  });
  return schema;
}

}  // namespace

const Schema& agent_schema() {
  static const Schema schema = Schema::of<AgentSection>({
      option("state_dir", &AgentSection::state_dir,
             "Folder for checkpoints and spools. It belongs to one running agent.")
          .check<std::string>(&AgentSection::state_dir,
                              [](const std::string& folder) -> std::string {
                                return folder.empty() ? "expected a folder, got \"\"" : "";
                              }),
      option("memory_limit", &AgentSection::memory_limit,
             "The agent stays below it: what would exceed it waits at its source.")
          .range("16MiB", "1TiB")
          .default_shown("90 % of the cgroup's limit, 256MiB without one"),
      option("lanes", &AgentSection::lanes, "Threads that carry data; one does for most nodes.")
          .range("1", "256"),
      option("shutdown_grace", &AgentSection::shutdown_grace,
             "How long to go on sending after SIGTERM, before the rest is spooled.")
          .range("0s", "1h"),
      object("admin", &AgentSection::admin, "The agent's own HTTP port.", admin_schema()),
      object("log", &AgentSection::log, "The agent's own log.", log_schema()),
  });
  return schema;
}

const Schema& output_engine_schema() {
  static const Schema schema = Schema::of<Engine>({
      group<Engine>("buffer", "Where requests wait while the server is slow or away.",
                    buffer_schema()),
      group<Engine>("batch", "When a request is closed and sent.", batch_schema()),
      option("shards", &Engine::shards,
             "Sequences per tenant and lane. Order holds within a sequence; more of them send more "
             "in parallel.")
          .range("1", "1024"),
      option("max_in_flight", &Engine::max_in_flight,
             "Most requests under way at once; fewer when the server gets slow.")
          .range("1", "1024"),
      group<Engine>("spool_after", "Waiting requests move from memory to disk after this time.",
                    spool_after_schema()),
      group<Engine>("retry", "Pauses between repeats, with jitter.", retry_schema()),
      option("quarantine", &Engine::quarantine,
             "Folder that keeps requests which the server refused for good; \"\" = they are only "
             "counted and logged."),
  });
  return schema;
}

const Schema& pipeline_schema() {
  static const Schema schema = Schema::of<PipelineSection>({
      option("inputs", &PipelineSection::inputs, "Names of the inputs.").required(),
      option("processors", &PipelineSection::processors,
             "Names of the processors, in the order in which they run."),
      option("outputs", &PipelineSection::outputs, "Names of the outputs; each gets everything.")
          .required(),
      choice(
          "signal", &PipelineSection::signal,
          "What the pipeline carries; needed only where inputs and outputs share several, and the "
          "pipeline is not called `logs`, `metrics` or `traces`.",
          {{"logs", Signal::logs}, {"metrics", Signal::metrics}, {"traces", Signal::traces}}),
  });
  return schema;
}

}  // namespace tailrace::config
