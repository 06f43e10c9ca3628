#include "plugins/processors/labels/label_rules.h"

#include <algorithm>
#include <string_view>

#include "plugins/processors/labels/kube_path.h"

namespace tailrace::processors::labels {

namespace {

std::string_view get(const std::vector<OwnedLabel>& labels, std::string_view name) {
  const auto found = std::ranges::find(labels, name, &OwnedLabel::name);
  return found != labels.end() ? std::string_view(found->value) : std::string_view();
}

void set(std::vector<OwnedLabel>& labels, std::string_view name, std::string_view value) {
  const auto found = std::ranges::find(labels, name, &OwnedLabel::name);
  if (found != labels.end()) {
    found->value = value;
  } else {
    labels.push_back({std::string(name), std::string(value)});
  }
}

void remove(std::vector<OwnedLabel>& labels, std::string_view name) {
  std::erase_if(labels, [&](const OwnedLabel& label) { return label.name == name; });
}

}  // namespace

Result<LabelRules> LabelRules::compile(const LabelsConfig& config) {
  LabelRules rules;
  rules.config_ = config;
  for (const ExtractConfig& extract : config.extract) {
    auto regex = Regex::compile(extract.regex);
    if (!regex) {
      return fail(ErrorCode::invalid,
                  "extract from " + extract.from + ": " + regex.error().message);
    }
    rules.extract_.push_back({extract.from, std::move(*regex)});
  }
  return rules;
}

std::vector<OwnedLabel> LabelRules::apply(std::span<const Label> labels) const {
  std::vector<OwnedLabel> result;
  for (const Label& label : labels) {
    result.push_back({std::string(label.name), std::string(label.value)});
  }

  if (!config_.from_path.empty()) {
    const std::string path(get(result, config_.from_path));
    if (const auto parts = parse_kube_path(path)) {
      set(result, "namespace", parts->name_space);
      set(result, "pod", parts->pod);
      set(result, "container", parts->container);
    }
  }
  for (const Extract& extract : extract_) {
    const std::string text(get(result, extract.from));
    std::vector<std::string_view> groups(extract.regex.group_count());
    if (!extract.regex.captures(text, groups)) {
      continue;
    }
    for (size_t i = 0; i < groups.size(); ++i) {
      const std::string& name = extract.regex.group_names()[i];
      if (!name.empty() && !groups[i].empty()) {
        set(result, name, groups[i]);
      }
    }
  }

  // Renames act at the same time, so that two labels can swap their names.
  std::vector<OwnedLabel> renamed;
  for (const auto& [from, to] : config_.rename) {
    if (const auto found = std::ranges::find(result, from, &OwnedLabel::name);
        found != result.end()) {
      renamed.push_back({to, std::move(found->value)});
      result.erase(found);
    }
  }
  for (const OwnedLabel& label : renamed) {
    set(result, label.name, label.value);
  }

  for (const std::string& name : config_.drop) {
    remove(result, name);
  }
  if (!config_.keep.empty()) {
    std::erase_if(result, [&](const OwnedLabel& label) {
      return std::ranges::find(config_.keep, label.name) == config_.keep.end();
    });
  }
  for (const auto& [name, value] : config_.add) {
    set(result, name, value);
  }
  return result;
}

}  // namespace tailrace::processors::labels
