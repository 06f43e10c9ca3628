#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/labels.h"

#include "plugins/common/prom/label_builder.h"
#include "plugins/common/prom/scrape_cache/scrape_options.h"
#include "plugins/common/prom/scrape_config.h"
#include "plugins/common/prom/target_set.h"

namespace tailrace::inputs::prometheus_scrape {

/// The labels of a series: those of the page, those of the target, metric relabeling, and the
/// external ones.
///
/// Source:   Prometheus scrape/scrape.go, mutateSampleLabels.
class SeriesLabels final : public common::prom::SeriesMaker {
 public:
  SeriesLabels(const common::prom::ScrapeConfig& job, const StringMap& external,
               common::prom::TargetPtr target);

  bool make(std::span<const Label> scraped, common::prom::LabelBuilder& series) override;

 private:
  const common::prom::ScrapeConfig& job_;
  const StringMap& external_;
  const common::prom::TargetPtr target_;
  std::vector<Label> scratch_;
};

}  // namespace tailrace::inputs::prometheus_scrape
