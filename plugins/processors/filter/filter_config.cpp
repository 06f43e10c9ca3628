#include "plugins/processors/filter/filter_config.h"

#include "tailrace/regex.h"

namespace tailrace::processors::filter {

namespace {

std::string regexes_complaint(const StringMap& patterns) {
  for (const auto& [name, pattern] : patterns) {
    if (std::string complaint = regex_complaint(pattern); !complaint.empty()) {
      return name + ": " + complaint;
    }
  }
  return {};
}

std::string contains_complaint(const StringList& texts) {
  for (const std::string& text : texts) {
    if (text.empty()) {
      return "an empty text is contained in every line";
    }
  }
  return {};
}

const Schema& rule_schema() {
  const std::vector<std::pair<std::string, Severity>> severities = {
      {"trace", Severity::trace}, {"debug", Severity::debug}, {"info", Severity::info},
      {"warn", Severity::warn},   {"error", Severity::error}, {"fatal", Severity::fatal}};
  static const Schema schema = Schema::of<RuleConfig>({
      option(
          "labels", &RuleConfig::labels,
          "Stream labels and the values they must have; an empty value: the label is not there."),
      option("labels_regex", &RuleConfig::labels_regex,
             "Stream labels and the RE2 patterns that their whole values must match.")
          .check<StringMap>(&RuleConfig::labels_regex, regexes_complaint),
      option("metadata", &RuleConfig::metadata,
             "Structured metadata and the values they must have; an empty value: it is not there."),
      option("metadata_regex", &RuleConfig::metadata_regex,
             "Structured metadata and the RE2 patterns that their whole values must match.")
          .check<StringMap>(&RuleConfig::metadata_regex, regexes_complaint),
      choice("severity_at_least", &RuleConfig::severity_at_least,
             "The record's severity is known, and this or more.", severities),
      choice("severity_below", &RuleConfig::severity_below,
             "The record's severity is known, and less than this.", severities),
      option("severity_unknown", &RuleConfig::severity_unknown,
             "The record has no severity: no processor before this one found any."),
      option("contains", &RuleConfig::contains, "The line contains one of these texts.")
          .check<StringList>(&RuleConfig::contains, contains_complaint),
      option("line_regex", &RuleConfig::line_regex,
             "RE2 pattern that must match somewhere in the line.")
          .check<std::string>(&RuleConfig::line_regex, regex_complaint),
  });
  return schema;
}

void validate_rules(const std::vector<RuleConfig>& rules, const char* list, const ConfigValue& at,
                    ConfigContext& context) {
  const ConfigValue* written = at.find(list);
  if (rules.size() > kMaxRules) {
    context.fail(written != nullptr ? *written : at,
                 "at most " + std::to_string(kMaxRules) + " rules",
                 "join them with a regular expression, or use a second filter");
  }
  for (size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].empty()) {
      const bool has_place = written != nullptr && i < written->items.size();
      context.fail(has_place ? written->items[i] : at,
                   std::string("rule ") + std::to_string(i + 1) + " of " + list +
                       " has no condition and would match everything");
    }
  }
}

}  // namespace

bool RuleConfig::empty() const noexcept {
  return labels.empty() && labels_regex.empty() && metadata.empty() && metadata_regex.empty() &&
         severity_at_least == Severity::unset && severity_below == Severity::unset &&
         !severity_unknown && contains.empty() && line_regex.empty();
}

void FilterConfig::validate(const ConfigValue& at, ConfigContext& context) const {
  if (drop.empty() && keep.empty()) {
    context.fail(at, "needs rules: drop, keep or both");
  }
  validate_rules(drop, "drop", at, context);
  validate_rules(keep, "keep", at, context);
}

const Schema& filter_schema() {
  static const Schema schema = Schema::of<FilterConfig>({
      objects("drop", &FilterConfig::drop, "A record that matches one of these rules goes.",
              rule_schema()),
      objects("keep", &FilterConfig::keep,
              "If there are any: a record that matches none of these rules goes. `drop` is looked "
              "at first.",
              rule_schema()),
  });
  return schema;
}

}  // namespace tailrace::processors::filter
