#include "plugins/common/prom/added_labels.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace tailrace::common::prom {

namespace {

void keep_scraped(const LabelPairs& target, std::span<const Label> scraped, LabelBuilder& series) {
  for (const auto& [name, value] : target) {
    // A label that the page says to be empty is there too.
    if (std::ranges::find(scraped, std::string_view(name), &Label::name) == scraped.end()) {
      series.set(name, value);
    }
  }
}

void move_scraped(const LabelPairs& target, LabelBuilder& series, std::vector<Label>& moved) {
  moved.clear();
  for (const auto& [name, value] : target) {
    const std::string_view scraped = series.get(name);
    if (!scraped.empty()) {
      moved.push_back({name, scraped});
    }
    series.set(name, value);
  }
  std::ranges::stable_sort(
      moved, [](const Label& a, const Label& b) { return a.name.size() < b.name.size(); });
  for (const Label& label : moved) {
    std::string name = "exported_" + std::string(label.name);
    while (series.has(name)) {
      name.insert(0, "exported_");
    }
    series.set_copy(name, label.value);
  }
}

}  // namespace

void add_target_labels(const LabelPairs& target, std::span<const Label> scraped, bool honor_labels,
                       LabelBuilder& series, std::vector<Label>& scratch) {
  if (honor_labels) {
    keep_scraped(target, scraped, series);
  } else {
    move_scraped(target, series, scratch);
  }
}

void add_external_labels(const StringMap& external, LabelBuilder& series) {
  for (const auto& [name, value] : external) {
    if (!series.has(name)) {
      series.set(name, value);
    }
  }
}

}  // namespace tailrace::common::prom
