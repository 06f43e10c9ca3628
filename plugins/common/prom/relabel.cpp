#include "plugins/common/prom/relabel.h"

#include <array>
#include <charconv>
#include <span>

#include "codec/md5.h"
#include "codec/utf8.h"
#include "plugins/common/prom/letter_case.h"
#include "plugins/common/prom/relabel_template.h"

namespace tailrace::common::prom {

namespace {

constexpr size_t kMaxGroups = 33;  // the whole match, and as many as Regex knows

bool is_name_byte(char c, bool first, bool colon) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':') ||
         (!first && c >= '0' && c <= '9');
}

bool is_legacy_name(std::string_view name, bool colon) noexcept {
  for (size_t i = 0; i < name.size(); ++i) {
    if (!is_name_byte(name[i], i == 0, colon)) {
      return false;
    }
  }
  return !name.empty();
}

/// Matches and fills groups[0 .. returned count); 0 = no match.
size_t match(const RelabelRegex& regex, std::string_view text,
             std::span<std::string_view, kMaxGroups> groups) noexcept {
  groups[0] = text;
  if (regex.is_default()) {
    groups[1] = text;
    return 2;
  }
  const size_t count = regex.regex().group_count();
  if (!regex.regex().captures(text, groups.subspan(1, count))) {
    return 0;
  }
  return count + 1;
}

std::span<const std::string> names_of(const RelabelRegex& regex) noexcept {
  return regex.is_default() ? std::span<const std::string>() : regex.regex().group_names();
}

/// The joined values of the source labels: a view of the one value, or of `scratch`.
std::string_view join(const RelabelConfig& rule, const LabelBuilder& labels, std::string& scratch) {
  if (rule.source_labels.empty()) {
    return {};
  }
  if (rule.source_labels.size() == 1) {
    return labels.get(rule.source_labels[0]);
  }
  scratch.clear();
  for (size_t i = 0; i < rule.source_labels.size(); ++i) {
    scratch.append(i == 0 ? "" : rule.separator).append(labels.get(rule.source_labels[i]));
  }
  return scratch;
}

/// Texts that are used again from rule to rule.
struct Scratch {
  std::string joined;
  std::string name;
  std::string value;
  std::vector<Label> walked;
};

bool replace(const RelabelConfig& rule, std::string_view source, LabelBuilder& labels,
             Scratch& scratch) {
  std::array<std::string_view, kMaxGroups> groups;
  const size_t found = match(rule.regex, source, groups);
  if (found == 0) {
    return false;
  }
  const std::span<const std::string_view> used(groups.data(), found);
  std::string_view name = rule.target_label;
  if (has_variable(name)) {
    scratch.name.clear();
    expand_template(name, used, names_of(rule.regex), scratch.name);
    name = scratch.name;
  }
  if (!is_label_name(name, rule.name_validation)) {
    return true;
  }
  std::string_view value = rule.replacement;
  if (has_variable(value)) {
    scratch.value.clear();
    expand_template(value, used, names_of(rule.regex), scratch.value);
    value = scratch.value;
  }
  labels.set_copy(name, value);
  return true;
}

void hashmod(const RelabelConfig& rule, std::string_view source, LabelBuilder& labels) {
  const auto digest = codec::md5(source);
  uint64_t hash = 0;  // the last eight bytes, big-endian
  for (size_t i = 8; i < digest.size(); ++i) {
    hash = hash << 8 | digest[i];
  }
  std::array<char, 24> text;
  const char* end = std::to_chars(text.data(), text.data() + text.size(), hash % rule.modulus).ptr;
  labels.set_copy(rule.target_label, {text.data(), static_cast<size_t>(end - text.data())});
}

bool labelmap(const RelabelConfig& rule, LabelBuilder& labels, Scratch& scratch) {
  bool any = false;
  labels.in_order_of_setting(scratch.walked);
  for (const Label& label : scratch.walked) {
    std::array<std::string_view, kMaxGroups> groups;
    const size_t found = match(rule.regex, label.name, groups);
    if (found == 0) {
      continue;
    }
    any = true;
    scratch.name.clear();
    expand_template(rule.replacement, {groups.data(), found}, names_of(rule.regex), scratch.name);
    if (!scratch.name.empty()) {
      labels.set_copy(scratch.name, label.value);
    }
  }
  return any;
}

/// labeldrop and labelkeep.
bool drop_names(const RelabelConfig& rule, LabelBuilder& labels, Scratch& scratch) {
  bool any = false;
  const auto all = labels.labels();
  scratch.walked.assign(all.begin(), all.end());
  for (const Label& label : scratch.walked) {
    const bool matches = rule.regex.matches(label.name);
    any = any || matches;
    if (matches == (rule.action == RelabelAction::labeldrop)) {
      labels.erase(label.name);
    }
  }
  return any;
}

/// What a rule found and decided.
struct Outcome {
  bool matched = true;
  bool kept = true;
};

Outcome apply(const RelabelConfig& rule, std::string_view source, LabelBuilder& labels,
              Scratch& scratch) {
  Outcome out;
  switch (rule.action) {
    case RelabelAction::replace:
      out.matched = replace(rule, source, labels, scratch);
      break;
    case RelabelAction::keep:
      out.matched = out.kept = rule.regex.matches(source);
      break;
    case RelabelAction::drop:
      out.matched = rule.regex.matches(source);
      out.kept = !out.matched;
      break;
    case RelabelAction::keepequal:
      out.matched = out.kept = labels.get(rule.target_label) == source;
      break;
    case RelabelAction::dropequal:
      out.matched = labels.get(rule.target_label) == source;
      out.kept = !out.matched;
      break;
    case RelabelAction::hashmod:
      hashmod(rule, source, labels);
      break;
    case RelabelAction::labelmap:
      out.matched = labelmap(rule, labels, scratch);
      break;
    case RelabelAction::labeldrop:
    case RelabelAction::labelkeep:
      out.matched = drop_names(rule, labels, scratch);
      break;
    case RelabelAction::lowercase:
      scratch.value.clear();
      append_lower_case(source, scratch.value);
      labels.set_copy(rule.target_label, scratch.value);
      break;
    case RelabelAction::uppercase:
      scratch.value.clear();
      append_upper_case(source, scratch.value);
      labels.set_copy(rule.target_label, scratch.value);
      break;
  }
  return out;
}

}  // namespace

bool is_label_name(std::string_view name, NameValidation scheme) noexcept {
  return scheme == NameValidation::legacy ? is_legacy_name(name, false)
                                          : !name.empty() && codec::valid_utf8(name);
}

bool is_metric_name(std::string_view name, NameValidation scheme) noexcept {
  return scheme == NameValidation::legacy ? is_legacy_name(name, true)
                                          : !name.empty() && codec::valid_utf8(name);
}

bool relabel(const RelabelRules& rules, LabelBuilder& labels) {
  Scratch scratch;
  for (const RelabelConfig& rule : rules) {
    if (!apply(rule, join(rule, labels, scratch.joined), labels, scratch).kept) {
      return false;
    }
  }
  return !labels.labels().empty();
}

bool relabel_traced(const RelabelRules& rules, LabelBuilder& labels,
                    std::vector<RelabelStep>& steps) {
  Scratch scratch;
  for (const RelabelConfig& rule : rules) {
    RelabelStep& step = steps.emplace_back();
    step.rule = &rule;
    step.before = pairs_of(labels);
    const std::string_view source = join(rule, labels, scratch.joined);
    step.source = source;
    const Outcome outcome = apply(rule, source, labels, scratch);
    step.matched = outcome.matched;
    step.kept = outcome.kept;
    step.after = pairs_of(labels);
    if (!step.kept) {
      return false;
    }
  }
  return !labels.labels().empty();
}

}  // namespace tailrace::common::prom
