#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/config_schema.h"
#include "tailrace/config_value.h"

#include "config/agent_config.h"
#include "config/yaml_reader.h"

namespace tailrace::testkit {

/// A plugin's options as they come out of YAML, with everything that is wrong about them.
template <class Config>
struct ReadConfig {
  Config config;
  ConfigIssues issues;

  bool ok() const { return issues.ok(); }
  /// The errors, each as `line:column path: message; hint`.
  std::vector<std::string> errors() const { return lines(issues.issues()); }
  std::vector<std::string> warnings() const { return lines(issues.warnings()); }

 private:
  static std::vector<std::string> lines(const std::vector<ConfigIssue>& issues) {
    std::vector<std::string> out;
    for (const auto& issue : issues) {
      out.push_back(config::to_line("", issue));
    }
    return out;
  }
};

/// Reads the options of one component, without `type:` and the options that all outputs share, and
/// runs the struct's own validate() when they could be read:
///
///   auto read = testkit::read_config<LokiConfig>(loki_schema(), "url: http://loki:3100\n");
template <class Config>
ReadConfig<Config> read_config(const Schema& schema, std::string_view yaml) {
  ReadConfig<Config> out;
  const auto tree = config::parse_yaml(yaml, out.issues);
  ConfigContext context{out.issues, ""};
  if (tree && schema.read(*tree, &out.config, context)) {
    if constexpr (requires { out.config.validate(*tree, context); }) {
      out.config.validate(*tree, context);
    }
  }
  return out;
}

}  // namespace tailrace::testkit
