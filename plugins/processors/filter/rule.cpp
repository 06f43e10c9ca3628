#include "plugins/processors/filter/rule.h"

#include <algorithm>
#include <cstring>

namespace tailrace::processors::filter {

namespace {

bool contains(std::string_view line, const std::string& text) noexcept {
  // glibc's memmem is several times faster than string_view::find, and linear.
  return !line.empty() && memmem(line.data(), line.size(), text.data(), text.size()) != nullptr;
}

std::string_view find_metadata(const MetaSpan& metadata, std::string_view name) noexcept {
  for (uint32_t i = 0; i < metadata.count; ++i) {
    if (metadata.pairs[i].name == name) {
      return metadata.pairs[i].value;
    }
  }
  return {};
}

}  // namespace

Result<Rule> Rule::compile(const RuleConfig& config) {
  Rule rule;
  rule.config_ = config;
  for (const auto& [patterns, compiled] :
       {std::pair(&config.labels_regex, &rule.labels_regex_),
        std::pair(&config.metadata_regex, &rule.metadata_regex_)}) {
    for (const auto& [name, pattern] : *patterns) {
      auto regex = Regex::compile(pattern, {.anchored = true, .dot_nl = true});
      if (!regex) {
        return fail(ErrorCode::invalid, name + ": " + regex.error().message);
      }
      compiled->push_back({name, std::move(*regex)});
    }
  }
  if (!config.line_regex.empty()) {
    auto regex = Regex::compile(config.line_regex);
    if (!regex) {
      return fail(ErrorCode::invalid, "line_regex: " + regex.error().message);
    }
    rule.line_regex_.push_back(std::move(*regex));
  }
  rule.looks_at_severity_ = config.severity_at_least != Severity::unset ||
                            config.severity_below != Severity::unset || config.severity_unknown;
  rule.looks_at_metadata_ = !config.metadata.empty() || !config.metadata_regex.empty();
  rule.looks_at_records_ = rule.looks_at_severity_ || rule.looks_at_metadata_ ||
                           !config.contains.empty() || !config.line_regex.empty();
  return rule;
}

bool Rule::matches_labels(const Labels& labels) const noexcept {
  return std::ranges::all_of(
             config_.labels,
             [&](const auto& wanted) { return labels.get(wanted.first) == wanted.second; }) &&
         std::ranges::all_of(labels_regex_, [&](const Named& wanted) {
           return wanted.regex.matches(labels.get(wanted.name));
         });
}

bool Rule::matches_record(const LogBatch& batch, uint32_t i) const noexcept {
  // Cheapest first.
  if (looks_at_severity_ &&
      !matches_severity(batch.severities != nullptr ? batch.severities[i] : Severity::unset)) {
    return false;
  }
  if (looks_at_metadata_ &&
      !matches_metadata(batch.metadata != nullptr ? batch.metadata[i] : MetaSpan{})) {
    return false;
  }
  return matches_line(batch.bodies[i]);
}

bool Rule::matches_severity(Severity severity) const noexcept {
  if (severity == Severity::unset) {
    return config_.severity_unknown && config_.severity_at_least == Severity::unset &&
           config_.severity_below == Severity::unset;
  }
  return !config_.severity_unknown &&
         (config_.severity_at_least == Severity::unset || severity >= config_.severity_at_least) &&
         (config_.severity_below == Severity::unset || severity < config_.severity_below);
}

bool Rule::matches_metadata(const MetaSpan& metadata) const noexcept {
  return std::ranges::all_of(config_.metadata,
                             [&](const auto& wanted) {
                               return find_metadata(metadata, wanted.first) == wanted.second;
                             }) &&
         std::ranges::all_of(metadata_regex_, [&](const Named& wanted) {
           return wanted.regex.matches(find_metadata(metadata, wanted.name));
         });
}

bool Rule::matches_line(std::string_view line) const noexcept {
  if (!config_.contains.empty() &&
      std::ranges::none_of(config_.contains,
                           [&](const std::string& text) { return contains(line, text); })) {
    return false;
  }
  return line_regex_.empty() || line_regex_.front().matches(line);
}

}  // namespace tailrace::processors::filter
