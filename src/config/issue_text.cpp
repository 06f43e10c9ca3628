#include <fmt/format.h>

#include "config/agent_config.h"

namespace tailrace::config {
namespace {

/// Names come from the file, and in quotes they may hold anything; a line stays one line.
std::string without_controls(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7F ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  return out;
}

}  // namespace

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
  return without_controls(line);
}

}  // namespace tailrace::config
