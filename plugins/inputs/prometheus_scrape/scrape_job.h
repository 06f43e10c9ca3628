#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tailrace/input.h"

#include "plugins/common/prom/discovery.h"
#include "plugins/common/prom/target_set.h"
#include "plugins/inputs/prometheus_scrape/scrape_loop.h"

namespace tailrace::inputs::prometheus_scrape {

/// One entry of scrape_configs on one lane: its targets as they come and go, each with a loop.
class ScrapeJob {
 public:
  /// `lane` and `config` outlive it.
  ScrapeJob(LaneScrapes& lane, const common::prom::ScrapeConfig& config,
            std::unique_ptr<Channel> channel);
  ~ScrapeJob();
  ScrapeJob(const ScrapeJob&) = delete;
  ScrapeJob& operator=(const ScrapeJob&) = delete;

  Status start();
  void stop();
  /// Each target has been scraped, and what came of it was handed over.
  bool had_once() const noexcept;

  /// Its targets, for people; on the first lane also those that were found and dropped.
  void describe(std::vector<TargetStatus>& rows) const;

  const common::prom::ScrapeConfig& config() const noexcept { return scrapes_.config; }
  const common::prom::TargetSet& targets() const noexcept { return *scrapes_.targets; }
  /// By the target's hash; those that are leaving among them.
  const std::map<uint64_t, std::unique_ptr<ScrapeLoop>>& loops() const noexcept { return loops_; }
  void update_gauges();

 private:
  void on_change(const common::prom::TargetChanges& changes);

  common::prom::DiscoveryContext discovery_;
  JobScrapes scrapes_;
  std::map<uint64_t, std::unique_ptr<ScrapeLoop>> loops_;
  bool stopped_ = false;
  std::array<Gauge*, 3> states_;  // by TargetState::Health
  Gauge& leaving_;
};

}  // namespace tailrace::inputs::prometheus_scrape
