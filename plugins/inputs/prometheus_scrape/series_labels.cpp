#include "plugins/inputs/prometheus_scrape/series_labels.h"

#include <algorithm>
#include <utility>

namespace tailrace::inputs::prometheus_scrape {

using common::prom::LabelBuilder;

SeriesLabels::SeriesLabels(const common::prom::ScrapeConfig& job, const StringMap& external,
                           common::prom::TargetPtr target)
    : job_(job), external_(external), target_(std::move(target)) {}

bool SeriesLabels::make(std::span<const Label> scraped, LabelBuilder& series) {
  series.assign(scraped);
  if (job_.honor_labels) {
    keep_scraped(scraped, series);
  } else {
    move_scraped(series);
  }
  if (!common::prom::relabel(job_.metric_relabel_configs, series)) {
    return false;
  }
  add_external(external_, series);
  return true;
}

void SeriesLabels::keep_scraped(std::span<const Label> scraped, LabelBuilder& series) const {
  for (const auto& [name, value] : target_->labels) {
    // A label that the page says to be empty is there too.
    if (std::ranges::find(scraped, std::string_view(name), &Label::name) == scraped.end()) {
      series.set(name, value);
    }
  }
}

void SeriesLabels::move_scraped(LabelBuilder& series) {
  moved_.clear();
  for (const auto& [name, value] : target_->labels) {
    const std::string_view scraped = series.get(name);
    if (!scraped.empty()) {
      moved_.push_back({name, scraped});
    }
    series.set(name, value);
  }
  std::ranges::stable_sort(
      moved_, [](const Label& a, const Label& b) { return a.name.size() < b.name.size(); });
  for (const Label& label : moved_) {
    std::string name = "exported_" + std::string(label.name);
    while (series.has(name)) {
      name.insert(0, "exported_");
    }
    series.set_copy(name, label.value);
  }
}

void add_external(const StringMap& external, LabelBuilder& series) {
  for (const auto& [name, value] : external) {
    if (!series.has(name)) {
      series.set(name, value);
    }
  }
}

}  // namespace tailrace::inputs::prometheus_scrape
