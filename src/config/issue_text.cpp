#include <fmt/format.h>

#include "config/agent_config.h"

namespace tailrace::config {

std::string to_line(const std::string& file, const ConfigIssue& issue, std::string_view severity) {
  std::string line = file;
  if (issue.position.line > 0) {
    line +=
        fmt::format("{}{}:{}", line.empty() ? "" : ":", issue.position.line, issue.position.column);
  }
  const auto append = [&line](std::string_view text) {
    line += line.empty() ? "" : " ";
    line += text;
  };
  if (!severity.empty()) {
    append(fmt::format("{}:", severity));
  }
  if (!issue.path.empty()) {
    append(fmt::format("{}:", issue.path));
  } else if (!line.empty() && severity.empty()) {
    line += ':';
  }
  append(issue.message);
  if (!issue.hint.empty()) {
    line += "; " + issue.hint;
  }
  return line;
}

}  // namespace tailrace::config
