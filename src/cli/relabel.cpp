#include "cli/relabel.h"

#include <ostream>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.h"

namespace tailrace::cli {

int relabel(const std::string& config_path, const std::string& component,
            const RelabelQuestion& question, config::PluginTable plugins, std::ostream& out,
            std::ostream& err) {
  ConfigIssues issues;
  const auto config = load_or_explain(config_path, plugins, issues, err);
  if (!config) {
    return kBadConfig;
  }
  std::vector<const config::ComponentConfig*> having;
  std::vector<std::string> names;
  for (const auto* list : {&config->inputs, &config->outputs}) {
    for (const config::ComponentConfig& candidate : *list) {
      if (candidate.plugin->explain_relabel != nullptr) {
        names.push_back(candidate.name);
        if (component.empty() || component == candidate.name) {
          having.push_back(&candidate);
        }
      }
    }
  }
  if (having.size() > 1 && component.empty()) {
    // A target can only be meant for an input.
    std::erase_if(having, [](const auto* candidate) {
      return candidate->plugin->kind != ComponentKind::input;
    });
  }
  if (having.size() != 1) {
    err << config_path << ": "
        << (names.empty() ? "no input or output here has relabeling rules"
                          : fmt::format("{}; those with relabeling rules are: {}",
                                        component.empty() ? "name one with --input or --output"
                                                          : "there is no \"" + component + "\"",
                                        fmt::join(names, ", ")))
        << "\n";
    return kBadConfig;
  }
  const auto text = having[0]->plugin->explain_relabel(having[0]->config.get(), question);
  if (!text) {
    err << text.error().message << "\n";
    return kBadConfig;
  }
  out << *text;
  return kOk;
}

}  // namespace tailrace::cli
