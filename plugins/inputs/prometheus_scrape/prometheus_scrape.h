#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "tailrace/input.h"

#include "plugins/common/prom/scrape_config.h"
#include "plugins/inputs/prometheus_scrape/scrape_job.h"

namespace tailrace::inputs::prometheus_scrape {

/// Scrapes the targets of Prometheus's own scrape_configs.
///
/// Shape:  a TargetSet per job says which targets this lane owns; a ScrapeLoop per target fetches
///         its page; one Schedule wakes them up.
/// Unit:   a page, accepted or refused as a whole. Nobody waits for it and nothing can be read
///         again, so there is no receipt.
/// Lane:   one instance per lane; a target belongs to the lane that its hash says.
class PrometheusScrape final : public Input {
 public:
  using Config = common::prom::ScrapeOptions;

  PrometheusScrape(std::shared_ptr<const Config> config, InputContext& context);
  ~PrometheusScrape() override;
  static Result<std::unique_ptr<Input>> make(std::shared_ptr<const Config> config,
                                             InputContext& context);

  void start() override;
  void stop() override;
  void on_credit() override;
  std::vector<TargetStatus> targets() const override;
  void update_gauges() override;

 private:
  void look_for_the_end();

  const std::shared_ptr<const Config> config_;
  InputContext& context_;
  LaneScrapes lane_;
  std::vector<std::unique_ptr<ScrapeJob>> jobs_;
  std::unique_ptr<Timer> once_timer_;  // under `once`
  bool all_known_ = false;             // at the last look
};

}  // namespace tailrace::inputs::prometheus_scrape
