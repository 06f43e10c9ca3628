#include "plugins/inputs/prometheus_scrape/series_labels.h"

#include <utility>

#include "plugins/common/prom/added_labels.h"

namespace tailrace::inputs::prometheus_scrape {

using common::prom::LabelBuilder;

SeriesLabels::SeriesLabels(const common::prom::ScrapeConfig& job, const StringMap& external,
                           common::prom::TargetPtr target)
    : job_(job), external_(external), target_(std::move(target)) {}

bool SeriesLabels::make(std::span<const Label> scraped, LabelBuilder& series) {
  series.assign(scraped);
  common::prom::add_target_labels(target_->labels, scraped, job_.honor_labels, series, scratch_);
  if (!common::prom::relabel(job_.metric_relabel_configs, series)) {
    return false;
  }
  common::prom::add_external_labels(external_, series);
  return true;
}

}  // namespace tailrace::inputs::prometheus_scrape
