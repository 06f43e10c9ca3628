#include "cli/commands.h"

#include <ostream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/units.h"
#include "version_info.h"

namespace tailrace::cli {
namespace {

std::string counted(size_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string summary(const config::AgentConfig& config) {
  std::string text = fmt::format(
      "  {}, {}, {}; state in {}; memory limit {}", counted(config.inputs.size(), "input"),
      counted(config.processors.size(), "processor"), counted(config.outputs.size(), "output"),
      config.state_dir, config::print_size(config.memory_limit));
  if (config.memory_limit_origin == "cgroup") {
    text += " (from the cgroup)";
  }
  text += "\n";
  for (const auto& pipeline : config.pipelines) {
    text += fmt::format("  pipeline {} ({}): {}", pipeline.name, to_string(pipeline.signal),
                        fmt::join(pipeline.inputs, ", "));
    for (const auto& processor : pipeline.processors) {
      text += " -> " + processor;
    }
    text += fmt::format(" -> {}\n", fmt::join(pipeline.outputs, ", "));
  }
  return text;
}

void write_warnings(const std::string& path, const ConfigIssues& issues, std::ostream& err) {
  for (const auto& issue : issues.warnings()) {
    err << config::to_line(path, issue, "warning") << "\n";
  }
}

const char* to_string(Stability stability) {
  switch (stability) {
    case Stability::stable:
      return "stable";
    case Stability::beta:
      return "beta";
    case Stability::experimental:
      break;
  }
  return "experimental";
}

#ifdef __clang__
constexpr const char* kCompiler = "clang " __clang_version__;
#else
constexpr const char* kCompiler = "g++ " __VERSION__;
#endif

std::string build_info() {
  std::string text = fmt::format("compiled by {}", kCompiler);
#ifdef NDEBUG
  text += ", release";
#else
  text += ", with assertions";
#endif
#ifdef TAILRACE_SANITIZERS
  text += ", sanitizers: " TAILRACE_SANITIZERS;
#endif
#ifdef TAILRACE_TEST_HOOKS
  text += ", test hooks (not for production)";
#endif
  return text;
}

}  // namespace

std::optional<config::AgentConfig> load_or_explain(const std::string& path,
                                                   config::PluginTable plugins,
                                                   ConfigIssues& issues, std::ostream& err) {
  auto config = config::load(path, plugins, issues);
  if (!config) {
    for (const auto& issue : issues.issues()) {
      err << config::to_line(path, issue) << "\n";
    }
    write_warnings(path, issues, err);
    err << path << ": " << counted(issues.issues().size(), "error") << "\n";
  }
  return config;
}

int check(const std::string& path, config::PluginTable plugins, std::ostream& out,
          std::ostream& err) {
  ConfigIssues issues;
  const auto config = load_or_explain(path, plugins, issues, err);
  if (!config) {
    return kBadConfig;
  }
  write_warnings(path, issues, err);
  out << path << ": ok\n" << summary(*config);
  return kOk;
}

int version(config::PluginTable plugins, std::ostream& out) {
  out << "tailrace " << TAILRACE_VERSION << "\n" << build_info() << "\n";
  for (const PluginDescriptor* plugin : plugins) {
    std::string signals;
    for (const Signal signal : plugin->signals) {
      signals += fmt::format("{}{}", signals.empty() ? "" : ", ", tailrace::to_string(signal));
    }
    out << fmt::format("{:<9} {:<22} {:<22} {:<12} {}\n", tailrace::to_string(plugin->kind),
                       plugin->name, signals, to_string(plugin->stability), plugin->summary);
  }
  return kOk;
}

}  // namespace tailrace::cli
