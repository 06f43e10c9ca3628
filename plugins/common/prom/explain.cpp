#include "plugins/common/prom/explain.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tailrace::common::prom {

namespace {

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// Takes a value off the front of `text`: quoted, with `\\`, `\"` and `\n`, or up to a comma.
Result<std::string> take_value(std::string_view& text) {
  text = trimmed(text);
  if (!text.starts_with('"')) {
    const size_t end = std::min(text.find(','), text.size());
    const std::string_view value = trimmed(text.substr(0, end));
    text.remove_prefix(end);
    return std::string(value);
  }
  std::string out;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text = trimmed(text.substr(i + 1));
      return out;
    }
    if (text[i] == '\\' && i + 1 < text.size()) {
      ++i;
      out += text[i] == 'n' ? '\n' : text[i];
    } else {
      out += text[i];
    }
  }
  return fail(ErrorCode::invalid, "a quoted value has no end");
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c == '\n' ? "\\n" : std::string(1, c);
  }
  return out + "\"";
}

/// The rule in a few words.
std::string show_rule(const RelabelConfig& rule) {
  std::string out(to_string(rule.action));
  const auto add = [&out](std::string_view option, std::string_view value) {
    out += fmt::format("  {}: {}", option, value);
  };
  if (!rule.source_labels.empty()) {
    add("source_labels", fmt::format("[{}]", fmt::join(rule.source_labels, ", ")));
  }
  if (!rule.regex.is_default()) {
    add("regex", rule.regex.pattern());
  }
  if (rule.modulus != 0) {
    add("modulus", std::to_string(rule.modulus));
  }
  if (!rule.target_label.empty()) {
    add("target_label", rule.target_label);
  }
  if ((rule.action == RelabelAction::replace || rule.action == RelabelAction::labelmap) &&
      rule.replacement != "$1") {
    add("replacement", quoted(rule.replacement));
  }
  return out;
}

std::string show_changes(const RelabelStep& step) {
  std::map<std::string, std::string> before(step.before.begin(), step.before.end());
  std::string out;
  for (const auto& [name, value] : step.after) {
    const auto old = before.find(name);
    if (old == before.end()) {
      out += fmt::format("      + {} = {}\n", name, quoted(value));
      continue;
    }
    if (old->second != value) {
      out += fmt::format("      ~ {} = {}, was {}\n", name, quoted(value), quoted(old->second));
    }
    before.erase(old);
  }
  for (const auto& [name, value] : before) {
    out += fmt::format("      - {}, was {}\n", name, quoted(value));
  }
  return out;
}

bool asks(RelabelAction action) noexcept {
  return action != RelabelAction::hashmod && action != RelabelAction::lowercase &&
         action != RelabelAction::uppercase;
}

}  // namespace

Result<LabelPairs> parse_label_list(std::string_view text, std::string_view bare) {
  text = trimmed(text);
  if (text.starts_with('{') && text.ends_with('}')) {
    text = trimmed(text.substr(1, text.size() - 2));
  }
  LabelPairs out;
  while (!text.empty()) {
    const size_t end = text.find_first_of("=,");
    std::string name;
    if (end == std::string_view::npos || text[end] == ',') {
      if (!out.empty() || bare.empty()) {
        return fail(ErrorCode::invalid, fmt::format("expected name=value, got \"{}\"",
                                                    text.substr(0, std::min(end, text.size()))));
      }
      name = bare;
    } else {
      name = trimmed(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
    if (name.size() >= 2 && name.front() == '"' && name.back() == '"') {
      name = name.substr(1, name.size() - 2);
    }
    auto value = take_value(text);
    if (!value) {
      return tl::unexpected<Error>(value.error());
    }
    if (!is_label_name(name, NameValidation::utf8)) {
      return fail(ErrorCode::invalid, fmt::format("\"{}\" is not a valid label name", name));
    }
    out.emplace_back(std::move(name), std::move(*value));
    if (text.starts_with(',')) {
      text = trimmed(text.substr(1));
    } else if (!text.empty()) {
      return fail(ErrorCode::invalid, fmt::format("expected a comma before \"{}\"", text));
    }
  }
  return out;
}

Result<LabelPairs> parse_metric(std::string_view text) {
  text = trimmed(text);
  const size_t brace = std::min(text.find('{'), text.size());
  const std::string_view name = trimmed(text.substr(0, brace));
  const std::string_view rest = text.substr(brace);
  if (!rest.empty() && !rest.ends_with('}')) {
    return fail(ErrorCode::invalid, "expected a sample such as name{label=\"value\"}");
  }
  // In braces a quoted text alone is the name: {"my.metric", a="b"}.
  auto labels = parse_label_list(rest, "__name__");
  if (labels && !name.empty()) {
    labels->emplace_back("__name__", name);
  }
  return labels;
}

std::vector<Label> views_of(const LabelPairs& pairs) {
  std::vector<Label> out;
  for (const auto& [name, value] : pairs) {
    out.push_back({name, value});
  }
  return out;
}

std::string show_labels(const LabelPairs& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    out += fmt::format("  {} = {}\n", name, quoted(value));
  }
  return out.empty() ? "  (none)\n" : out;
}

std::string show_steps(std::string_view list, const std::vector<RelabelStep>& steps) {
  std::string out;
  for (size_t i = 0; i < steps.size(); ++i) {
    const RelabelStep& step = steps[i];
    const int line = step.rule->position.line;
    out += fmt::format("  {}[{}]{}: {}\n", list, i, line > 0 ? fmt::format(" (line {})", line) : "",
                       show_rule(*step.rule));
    if (!step.rule->source_labels.empty()) {
      out += fmt::format("      looks at {}{}\n", quoted(step.source),
                         !asks(step.rule->action) ? ""
                         : step.matched           ? ": match"
                                                  : ": no match");
    }
    if (!step.kept) {
      out += "      dropped\n";
      continue;
    }
    const std::string changes = show_changes(step);
    out += changes.empty() ? "      changes nothing\n" : changes;
  }
  return out;
}

}  // namespace tailrace::common::prom
