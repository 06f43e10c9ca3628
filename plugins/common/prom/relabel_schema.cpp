// Reading rules, and refusing what Prometheus refuses.

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "plugins/common/prom/relabel.h"
#include "plugins/common/prom/relabel_template.h"

namespace tailrace::common::prom {

namespace {

constexpr std::pair<const char*, RelabelAction> kActions[] = {
    {"replace", RelabelAction::replace},     {"keep", RelabelAction::keep},
    {"drop", RelabelAction::drop},           {"keepequal", RelabelAction::keepequal},
    {"dropequal", RelabelAction::dropequal}, {"hashmod", RelabelAction::hashmod},
    {"labelmap", RelabelAction::labelmap},   {"labeldrop", RelabelAction::labeldrop},
    {"labelkeep", RelabelAction::labelkeep}, {"lowercase", RelabelAction::lowercase},
    {"uppercase", RelabelAction::uppercase}};

/// Go's flavour has `(?<name>…)` for `(?P<name>…)`; our RE2 knows the latter only.
std::string with_named_groups(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      out.append(pattern.substr(i++, 2));
      continue;
    }
    in_class = (in_class && c != ']') || (!in_class && c == '[');
    if (!in_class && pattern.substr(i).starts_with("(?<") && i + 3 < pattern.size() &&
        pattern[i + 3] != '=' && pattern[i + 3] != '!') {
      out += "(?P";
      ++i;
      continue;
    }
    out.push_back(c);
  }
  return out;
}

/// Of legacy names, with `$1` and `${name}` in them: `([a-zA-Z_]|\$(\{\w+\}|\w+))` and then `\w` or
/// more of the same.
/// Source: Prometheus model/relabel, relabelTargetLegacy.
bool is_legacy_template(std::string_view text) {
  static const auto regex =
      Regex::compile(R"((?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+)", {.anchored = true});
  return regex && regex->matches(text);
}

bool is_template(std::string_view text, NameValidation scheme) {
  return scheme == NameValidation::legacy ? is_legacy_template(text) : is_label_name(text, scheme);
}

/// A complaint about one option of a rule.
struct Wrong {
  std::string option;  // "" = the rule as a whole
  std::string message;
  std::string hint;
};

bool needs_target(RelabelAction action) noexcept {
  switch (action) {
    case RelabelAction::replace:
    case RelabelAction::hashmod:
    case RelabelAction::lowercase:
    case RelabelAction::uppercase:
    case RelabelAction::keepequal:
    case RelabelAction::dropequal:
      return true;
    default:
      return false;
  }
}

/// What is wrong with the names that the rule makes.
std::optional<Wrong> wrong_name(const RelabelConfig& rule, NameValidation scheme) {
  const std::string_view action = to_string(rule.action);
  const bool legacy = scheme == NameValidation::legacy;
  const std::string hint =
      legacy ? "letters, digits and _, no digit first" : "it must be UTF-8 and not empty";
  if (needs_target(rule.action)) {
    const bool templated = rule.action == RelabelAction::replace && has_variable(rule.target_label);
    if (templated ? !is_template(rule.target_label, scheme)
                  : !is_label_name(rule.target_label, scheme)) {
      return Wrong{
          "target_label",
          fmt::format("\"{}\" is invalid 'target_label' for {} action", rule.target_label, action),
          hint};
    }
  }
  if (rule.action == RelabelAction::labelmap && !is_template(rule.replacement, scheme)) {
    return Wrong{
        "replacement",
        fmt::format("\"{}\" is invalid 'replacement' for {} action", rule.replacement, action),
        hint};
  }
  return std::nullopt;
}

/// Source: Prometheus model/relabel, Config.Validate.
std::optional<Wrong> wrong_options(const RelabelConfig& rule, const ConfigValue& at) {
  static const RelabelConfig defaults;
  const std::string_view action = to_string(rule.action);
  if (rule.action == RelabelAction::hashmod && rule.modulus == 0) {
    return Wrong{"modulus", "relabel configuration for hashmod requires non-zero modulus",
                 "such as modulus: 8"};
  }
  if (needs_target(rule.action) && rule.target_label.empty()) {
    return Wrong{
        "target_label",
        fmt::format("relabel configuration for {} action requires 'target_label' value", action),
        at.find("action") == nullptr ? "without an action the rule is a replace"
                                     : "name the label that the rule sets"};
  }
  const bool changed = rule.modulus != defaults.modulus || rule.separator != defaults.separator ||
                       rule.replacement != defaults.replacement;
  switch (rule.action) {
    case RelabelAction::keepequal:
    case RelabelAction::dropequal:
      if (changed || at.find("regex") != nullptr) {
        return Wrong{"",
                     fmt::format("{} action requires only 'source_labels' and 'target_label', and "
                                 "no other fields",
                                 action),
                     ""};
      }
      break;
    case RelabelAction::lowercase:
    case RelabelAction::uppercase:
      if (rule.replacement != defaults.replacement) {
        return Wrong{"replacement",
                     fmt::format("'replacement' can not be set for {} action", action),
                     "the value is that of source_labels"};
      }
      break;
    case RelabelAction::labeldrop:
    case RelabelAction::labelkeep:
      if (changed || !rule.source_labels.empty() || !rule.target_label.empty()) {
        return Wrong{"",
                     fmt::format("{} action requires only 'regex', and no other fields", action),
                     "regex is matched with the labels' names"};
      }
      break;
    default:
      break;
  }
  return wrong_name(rule, NameValidation::utf8);
}

bool finish_rule(RelabelConfig& rule, const ConfigValue& at, ConfigContext& context) {
  rule.position = at.position;
  const auto wrong = wrong_options(rule, at);
  if (!wrong) {
    return true;
  }
  const ConfigValue* value = wrong->option.empty() ? nullptr : at.find(wrong->option);
  context.issues.add(value != nullptr ? value->position : at.position,
                     wrong->option.empty() ? context.path : context.path + "." + wrong->option,
                     wrong->message, wrong->hint);
  return false;
}

/// An action's name is taken in any case.
Option<RelabelConfig> action_option() {
  auto option = choice("action", &RelabelConfig::action, "What the rule does.",
                       {std::begin(kActions), std::end(kActions)});
  option.row_.read = [inner = std::move(option.row_.read)](const ConfigValue& value, void* object,
                                                           ConfigContext& context) {
    ConfigValue lower = value;
    std::ranges::transform(lower.scalar, lower.scalar.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    return inner(lower, object, context);
  };
  return option;
}

}  // namespace

std::string_view to_string(RelabelAction action) noexcept {
  for (const auto& [name, meaning] : kActions) {
    if (meaning == action) {
      return name;
    }
  }
  return "";
}

Result<RelabelRegex> RelabelRegex::compile(std::string_view pattern) {
  RelabelRegex out;
  if (pattern == out.pattern_) {
    return out;
  }
  // As Prometheus wraps it, so that odd patterns mean the same, too.
  auto regex = Regex::compile(fmt::format("^(?s:{})$", with_named_groups(pattern)));
  if (!regex) {
    return tl::unexpected<Error>(regex.error());
  }
  out.pattern_ = pattern;
  out.regex_ = std::make_shared<const Regex>(std::move(*regex));
  return out;
}

const Schema& relabel_schema() {
  static const Schema schema =
      Schema::of<RelabelConfig>(
          {
              option("source_labels", &RelabelConfig::source_labels,
                     "Labels whose values are joined, in this order; one that is not there is "
                     "empty."),
              option("separator", &RelabelConfig::separator, "Stands between the joined values."),
              option("regex", &RelabelConfig::regex,
                     "Matched with the whole of the joined values (RE2)."),
              option("modulus", &RelabelConfig::modulus,
                     "Of the hash of the joined values; for `hashmod`."),
              option("target_label", &RelabelConfig::target_label,
                     "The label that is set or compared. For `replace` it may hold `$1` and "
                     "`${name}`."),
              option("replacement", &RelabelConfig::replacement,
                     "The new value, for `labelmap` the new name; `$1` and `${name}` stand for "
                     "groups of the regex, `$$` for a dollar."),
              action_option(),
          })
          .finish<RelabelConfig>(finish_rule);
  return schema;
}

void set_name_validation(RelabelRules& rules, NameValidation scheme, ConfigContext& context) {
  for (size_t i = 0; i < rules.size(); ++i) {
    rules[i].name_validation = scheme;
    if (const auto wrong = wrong_name(rules[i], scheme)) {
      context.issues.add(rules[i].position,
                         fmt::format("{}[{}].{}", context.path, i, wrong->option), wrong->message,
                         wrong->hint);
    }
  }
}

}  // namespace tailrace::common::prom

namespace tailrace {

using common::prom::RelabelRegex;

template <>
bool OptionCodec<RelabelRegex>::read(const ConfigValue& value, RelabelRegex& out,
                                     ConfigContext& context) {
  std::string pattern;
  if (!OptionCodec<std::string>::read(value, pattern, context)) {
    return false;
  }
  auto regex = RelabelRegex::compile(pattern);
  if (!regex) {
    context.fail(value, regex.error().message, "the syntax is RE2's");
    return false;
  }
  out = std::move(*regex);
  return true;
}
template <>
std::string OptionCodec<RelabelRegex>::print(const RelabelRegex& value) {
  return value.pattern();
}
template <>
OptionType OptionCodec<RelabelRegex>::type() {
  return {"regular expression", OptionCodec<std::string>::type().json_schema};
}

}  // namespace tailrace
