#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/common/prom/relabel.h"

namespace tailrace::common::prom {

using LabelMap = std::map<std::string, std::string>;

/// Text as label pairs.
inline std::vector<Label> labels_of(const LabelMap& map) {
  std::vector<Label> out;
  for (const auto& [name, value] : map) {
    out.push_back({name, value});
  }
  return out;
}

inline LabelMap map_of(const LabelBuilder& builder) {
  LabelMap out;
  for (const Label& label : builder.labels()) {
    out.emplace(label.name, label.value);
  }
  return out;
}

inline RelabelRegex regex_of(std::string_view pattern) {
  return RelabelRegex::compile(pattern).value();
}

/// What rules make of labels; empty when they are dropped.
inline LabelMap relabeled(const RelabelRules& rules, const LabelMap& labels) {
  LabelBuilder builder;
  builder.assign(labels_of(labels));
  return relabel(rules, builder) ? map_of(builder) : LabelMap();
}

}  // namespace tailrace::common::prom
