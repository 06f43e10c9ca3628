#include "config/references.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "config/read_file.h"

namespace tailrace::config {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;  // a token or a certificate, not a log file

bool is_word(std::string_view text) {
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(c >= '0' && c <= '9')) {
      return false;
    }
  }
  return !text.empty();
}

struct Complaint {
  std::string message;
  std::string hint;
};

/// The variable's text, or null with a complaint.
std::optional<std::string> from_environment(std::string_view name_and_default, Complaint& wrong) {
  const size_t dash = name_and_default.find(":-");
  const std::string name(name_and_default.substr(0, dash));
  if (!is_word(name)) {
    wrong = {fmt::format("\"{}\" is not the name of an environment variable", name),
             "write ${env:NAME} or ${env:NAME:-default}"};
    return std::nullopt;
  }
  const char* text = std::getenv(name.c_str());
  if (dash != std::string_view::npos && (text == nullptr || *text == '\0')) {
    return std::string(name_and_default.substr(dash + 2));
  }
  if (text == nullptr) {
    wrong = {fmt::format("the environment variable {} is not set", name),
             fmt::format("set it, or give a default: ${{env:{}:-…}}", name)};
    return std::nullopt;
  }
  return text;
}

std::optional<std::string> from_file(const std::string& path, Complaint& wrong) {
  auto content = read_file(path, kMaxFileBytes);
  if (!content) {
    wrong = {fmt::format("cannot read {}: {}", path, content.error().message),
             "the agent's user must be able to read the file"};
    return std::nullopt;
  }
  if (content->ends_with('\n')) {
    content->pop_back();
    if (content->ends_with('\r')) {
      content->pop_back();
    }
  }
  return std::move(*content);
}

/// Looks at what stands between `${` and `}`. Null without a complaint: not a reference of ours.
std::optional<std::string> look_up(std::string_view reference, Complaint& wrong) {
  const size_t colon = reference.find(':');
  const std::string_view scheme = reference.substr(0, colon);
  if (colon == std::string_view::npos || !is_word(scheme)) {
    return std::nullopt;
  }
  const std::string_view rest = reference.substr(colon + 1);
  if (scheme == "env") {
    return from_environment(rest, wrong);
  }
  if (scheme == "file") {
    return from_file(std::string(rest), wrong);
  }
  wrong = {fmt::format("${{{}:…}} is not a known reference", scheme),
           "use ${env:NAME} or ${file:/path}, or $${ for a plain ${"};
  return std::nullopt;
}

}  // namespace

void fill_references(std::string_view written, const std::string& path, ConfigValue& value,
                     ConfigIssues& issues) {
  std::string& out = value.scalar;
  while (true) {
    const size_t at = written.find("${");
    if (at == std::string_view::npos) {
      break;
    }
    if (at > 0 && written[at - 1] == '$') {
      out.append(written.substr(0, at - 1)).append("${");
      written.remove_prefix(at + 2);
      continue;
    }
    out.append(written.substr(0, at));
    written.remove_prefix(at);
    const size_t end = written.find('}');
    if (end == std::string_view::npos) {
      if (written.starts_with("${env:") || written.starts_with("${file:")) {
        issues.add(value.position, path, "a reference is not closed",
                   "it ends with }; write $${ for a plain ${");
        value.secret = true;
      }
      break;
    }
    Complaint wrong;
    const auto text = look_up(written.substr(2, end - 2), wrong);
    if (text) {
      out.append(*text);
      value.secret = true;
      value.quoted = false;
    } else if (wrong.message.empty()) {
      out.append(written.substr(0, end + 1));
    } else {
      issues.add(value.position, path, wrong.message, wrong.hint);
      value.secret = true;
    }
    written.remove_prefix(end + 1);
  }
  out.append(written);
}

}  // namespace tailrace::config
