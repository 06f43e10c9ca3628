#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/plugin_table.h"
#include "cli/relabel.h"
#include "cli/run.h"
#include "cli/targets.h"
#include "cli/write_docs.h"
#include "config/docs.h"
#include "config/json_schema.h"
#include "version_info.h"

namespace tailrace::cli {
namespace {

constexpr const char* kDefaultConfig = "/etc/tailrace/tailrace.yaml";

template <class T>
struct Named {
  const char* name;
  T value;
};
constexpr Named<LogFormat> kLogFormats[] = {{"text", LogFormat::text}, {"json", LogFormat::json}};
constexpr Named<LogLevel> kLogLevels[] = {{"trace", LogLevel::trace},
                                          {"debug", LogLevel::debug},
                                          {"info", LogLevel::info},
                                          {"warn", LogLevel::warn},
                                          {"error", LogLevel::error}};

template <class T, size_t n>
std::vector<std::string> names_of(const Named<T> (&table)[n]) {
  std::vector<std::string> names;
  for (const auto& row : table) {
    names.emplace_back(row.name);
  }
  return names;
}

/// Sets `value` to what the name stands for; an empty name leaves it.
template <class T, size_t n>
void take_named(const Named<T> (&table)[n], const std::string& name, T& value) {
  for (const auto& row : table) {
    if (row.name == name) {
      value = row.value;
    }
  }
}

struct Arguments {
  std::string config = kDefaultConfig;
  bool once = false;
  std::string log_format;  // "" = as configured
  std::string log_level;
  bool json_schema = false;
  std::string docs_to_write;
  std::string docs_to_check;
  std::string component;
  RelabelQuestion relabel;
  TargetsOptions targets{.admin = "http://127.0.0.1:2020"};
};

/// True, with a word on what to do, when no configuration was named and the usual one is not there.
bool has_no_config(const Arguments& arguments, std::string_view command) {
  if (arguments.config != kDefaultConfig || access(kDefaultConfig, F_OK) == 0) {
    return false;
  }
  std::cerr << "there is no " << kDefaultConfig << "; name a configuration with --config FILE"
            << " (see tailrace " << command << " --help)\n";
  return true;
}

int run(const Arguments& arguments) {
  if (has_no_config(arguments, "run")) {
    return kBadConfig;
  }
  ConfigIssues issues;
  auto config = load_or_explain(arguments.config, plugin_table(), issues, std::cerr);
  if (!config) {
    return kBadConfig;
  }
  take_named(kLogLevels, arguments.log_level, config->log.level);
  take_named(kLogFormats, arguments.log_format, config->log.format);
  configure_log(config->log.level, config->log.format);
  for (const auto& warning : issues.warnings()) {
    log_line(LogLevel::warn, "config", warning.path, config::to_line(arguments.config, warning));
  }
  return run_agent(*config, {.once = arguments.once});
}

int docs(const Arguments& arguments) {
  if (!arguments.docs_to_write.empty()) {
    return write_docs(arguments.docs_to_write, DocsMode::write, plugin_table(), std::cout,
                      std::cerr);
  }
  if (!arguments.docs_to_check.empty()) {
    return write_docs(arguments.docs_to_check, DocsMode::check, plugin_table(), std::cout,
                      std::cerr);
  }
  std::cout << (arguments.json_schema ? config::json_schema(plugin_table())
                                      : config::reference(plugin_table()));
  return kOk;
}

void add_config_option(CLI::App& command, Arguments& arguments) {
  command.add_option("-c,--config,FILE", arguments.config, "The configuration file.")
      ->capture_default_str()
      ->type_name("FILE");
}

/// What helps with scraping: `relabel` and `targets`.
void declare_prometheus(CLI::App& app, Arguments& arguments, std::function<int()>& action) {
  CLI::App* command = app.add_subcommand(
      "relabel", "Show step by step what relabeling rules do to a target or a sample.");
  add_config_option(*command, arguments);
  command->add_option("--target", arguments.relabel.target,
                      "The target's labels as discovered: an address, or label=value,...");
  command->add_option(
      "--metric", arguments.relabel.metric,
      "A sample: name{label=\"value\",...}; with --target it is one of that target.");
  command->add_option("--job", arguments.relabel.job, "The job_name, where there are several.");
  command->add_option("--input,--output", arguments.component,
                      "The component whose rules are meant, where several have some.");
  command->callback([&] {
    action = [&] {
      return has_no_config(arguments, "relabel")
                 ? kBadConfig
                 : relabel(arguments.config, arguments.component, arguments.relabel, plugin_table(),
                           std::cout, std::cerr);
    };
  });

  command = app.add_subcommand("targets", "Show what a running agent scrapes, and how that goes.");
  command->add_option("--admin", arguments.targets.admin, "The agent's admin address.")
      ->capture_default_str()
      ->type_name("URL");
  command->add_option("--job", arguments.targets.job, "Only targets of this job.");
  command->add_flag("--dropped", arguments.targets.dropped,
                    "Also targets that were found and dropped.");
  command->add_flag("--json", arguments.targets.json, "As the agent answers it.");
  command->callback(
      [&] { action = [&] { return targets(arguments.targets, std::cout, std::cerr); }; });
}

/// Adds the subcommands; the one that is chosen sets `action`.
void declare(CLI::App& app, Arguments& arguments, std::function<int()>& action) {
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", "tailrace " TAILRACE_VERSION);

  CLI::App* command = app.add_subcommand("run", "Run the agent until it is told to stop.");
  add_config_option(*command, arguments);
  command->add_flag("--once", arguments.once,
                    "Read everything there is, deliver it, and end; 0 only if nothing was lost.");
  command
      ->add_option("--log-format", arguments.log_format,
                   "Of the agent's own log on stderr, instead of agent.log.format.")
      ->check(CLI::IsMember(names_of(kLogFormats)).description(""))
      ->type_name("text|json");
  command
      ->add_option("--log-level", arguments.log_level,
                   "Least important lines to write, instead of agent.log.level.")
      ->check(CLI::IsMember(names_of(kLogLevels)).description(""))
      ->type_name("trace|debug|info|warn|error");
  command->callback([&] { action = [&] { return run(arguments); }; });

  command = app.add_subcommand("check", "Check a configuration and report everything wrong in it.");
  add_config_option(*command, arguments);
  command->callback([&] {
    action = [&] {
      return has_no_config(arguments, "check")
                 ? kBadConfig
                 : check(arguments.config, plugin_table(), std::cout, std::cerr);
    };
  });

  declare_prometheus(app, arguments, action);

  command = app.add_subcommand("docs", "Print the reference of all options, in Markdown.");
  CLI::Option* schema = command->add_flag("--json-schema", arguments.json_schema,
                                          "Print a JSON Schema of the configuration instead.");
  CLI::Option* write = command
                           ->add_option("--write", arguments.docs_to_write,
                                        "Renew the option tables in the README files instead.")
                           ->type_name("SOURCE_FOLDER");
  command
      ->add_option("--check", arguments.docs_to_check,
                   "Only say which README files --write would change, and fail then.")
      ->type_name("SOURCE_FOLDER")
      ->excludes(write)
      ->excludes(schema);
  write->excludes(schema);
  command->callback([&] { action = [&] { return docs(arguments); }; });

  command = app.add_subcommand("version", "Print the version, the build and the plugins.");
  command->callback([&] { action = [] { return version(plugin_table(), std::cout); }; });
}

int main(int argc, char** argv) {
  CLI::App app("Collects logs, metrics and traces and forwards them; loses nothing.", "tailrace");
  Arguments arguments;
  std::function<int()> action = [&app] {
    std::cerr << app.help();
    return kBadConfig;
  };
  declare(app, arguments, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kBadConfig;
  }
  return action();
}

}  // namespace
}  // namespace tailrace::cli

int main(int argc, char** argv) {
  return tailrace::cli::main(argc, argv);
}
