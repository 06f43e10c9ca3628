#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "config/agent_config.h"
#include "config/agent_schema.h"
#include "config/components.h"
#include "config/memory_limit.h"
#include "config/option_codecs.h"
#include "config/pipelines.h"
#include "config/read_file.h"
#include "config/secret_filter.h"
#include "config/suggest.h"
#include "config/units.h"
#include "config/yaml_reader.h"

namespace tailrace::config {
namespace {

constexpr size_t kMaxConfigBytes = 16 << 20;

void check_sections(const ConfigValue& root, ConfigIssues& issues) {
  const std::vector<std::string> known = {"agent", "inputs", "processors", "outputs", "pipelines"};
  for (const auto& member : root.members) {
    // A place for anchors: `x-defaults: &defaults {…}`.
    const bool is_known = std::find(known.begin(), known.end(), member.key) != known.end();
    if (!is_known && !member.key.starts_with("x-")) {
      issues.add(member.key_position, member.key, "unknown section", suggest(member.key, known));
    }
  }
}

void read_agent(const ConfigValue& section, AgentConfig& config, ConfigContext& context) {
  AgentSection agent;
  context.path = "agent";
  agent_schema().read(section, &agent, context);
  config.state_dir = std::move(agent.state_dir);
  config.lanes = agent.lanes;
  config.shutdown_grace = agent.shutdown_grace;
  config.admin = std::move(agent.admin);
  config.log = agent.log;
  if (agent.memory_limit) {
    config.memory_limit = *agent.memory_limit;
    config.memory_limit_origin = "config";
  } else {
    const auto found = default_memory_limit();
    config.memory_limit = found.size;
    config.memory_limit_origin = found.origin;
  }
}

/// The engine gives each output its share then, which may surprise who wrote the sizes.
void warn_of_large_buffers(const AgentConfig& config, const ConfigValue& root,
                           ConfigIssues& issues) {
  uint64_t total = 0;
  for (const auto& output : config.outputs) {
    total += output.output.memory.bytes;
  }
  if (total <= config.memory_limit.bytes) {
    return;
  }
  const ConfigValue* agent = root.find("agent");
  const ConfigValue* limit = agent != nullptr ? agent->find("memory_limit") : nullptr;
  issues.warn(limit != nullptr ? limit->position : config.outputs.front().position,
              "agent.memory_limit",
              fmt::format("the outputs' buffers ask for {} of memory, more than the limit of {}{}: "
                          "each will get its share",
                          print_size(ByteSize{total}), print_size(config.memory_limit),
                          config.memory_limit_origin == "cgroup" ? " (from the cgroup)" : ""),
              "lower buffer.memory of the outputs, or raise the limit");
}

AgentConfig read_root(const ConfigValue& root, PluginTable plugins, const std::string& folder,
                      ConfigIssues& issues) {
  static const ConfigValue nothing;
  const auto section = [&root](std::string_view name) -> const ConfigValue& {
    const ConfigValue* found = root.find(name);
    return found != nullptr ? *found : nothing;
  };
  AgentConfig config;
  ConfigContext context{issues, ""};
  context.folder = folder;
  check_sections(root, issues);
  read_agent(section("agent"), config, context);
  config.inputs = read_components(ComponentKind::input, section("inputs"), plugins, context);
  config.processors =
      read_components(ComponentKind::processor, section("processors"), plugins, context);
  config.outputs = read_components(ComponentKind::output, section("outputs"), plugins, context);
  config.pipelines = read_pipelines(section("pipelines"), plugins, config, context);
  check_listeners(config, root, issues);
  warn_of_large_buffers(config, root, issues);
  return config;
}

auto place_of(const ConfigIssue& issue) {
  return std::tie(issue.position.line, issue.position.column);
}

/// In the order of the file. The first `parsed` issues are the parser's: what else is said of the
/// same place only follows from it (a missing ${env:…} is no duration either).
std::vector<ConfigIssue> in_order(std::vector<ConfigIssue> issues, size_t parsed) {
  std::vector<ConfigIssue> out;
  for (size_t i = 0; i < issues.size(); ++i) {
    const bool follows =
        i >= parsed &&
        std::any_of(issues.begin(), issues.begin() + static_cast<ptrdiff_t>(parsed),
                    [&](const auto& cause) { return place_of(cause) == place_of(issues[i]); });
    if (!follows) {
      out.push_back(issues[i]);
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const ConfigIssue& a, const ConfigIssue& b) {
    return place_of(a) < place_of(b);
  });
  return out;
}

}  // namespace

std::optional<AgentConfig> load_text(std::string_view text, PluginTable plugins,
                                     ConfigIssues& issues, const std::string& folder) {
  ConfigIssues found;
  std::optional<AgentConfig> config;
  const auto root = parse_yaml(text, found);
  const size_t parsed = found.issues().size();
  if (root) {
    if (root->kind == ConfigValue::Kind::map) {
      config = read_root(*root, plugins, folder, found);
    } else {
      found.add(root->position, "",
                fmt::format("expected a map with inputs, outputs and pipelines, got {}",
                            describe(*root)));
    }
  }
  const SecretFilter without_secrets(root ? *root : ConfigValue());
  for (auto& issue : in_order(found.issues(), parsed)) {
    issues.add(issue.position, issue.path, without_secrets(issue.path, std::move(issue.message)),
               without_secrets(issue.path, std::move(issue.hint)));
  }
  for (auto& issue : in_order(found.warnings(), 0)) {
    issues.warn(issue.position, issue.path, without_secrets(issue.path, std::move(issue.message)),
                without_secrets(issue.path, std::move(issue.hint)));
  }
  return found.ok() ? std::move(config) : std::nullopt;
}

std::optional<AgentConfig> load(const std::string& path, PluginTable plugins,
                                ConfigIssues& issues) {
  const auto text = read_file(path, kMaxConfigBytes);
  if (!text) {
    issues.add({}, "", fmt::format("cannot be read: {}", text.error().message));
    return std::nullopt;
  }
  const size_t slash = path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? std::string() : path.substr(0, std::max<size_t>(slash, 1));
  auto config = load_text(*text, plugins, issues, folder);
  if (config) {
    config->file = path;
  }
  return config;
}

}  // namespace tailrace::config
