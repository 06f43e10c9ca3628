#include "plugins/inputs/prometheus_scrape/scrape_job.h"

#include <algorithm>
#include <utility>

namespace tailrace::inputs::prometheus_scrape {

using common::prom::TargetChanges;
using common::prom::TargetPtr;
using common::prom::TargetSet;

namespace {

Gauge& targets_gauge(Metrics& metrics, const std::string& job, const char* state) {
  return metrics.gauge("scrape_targets", "Targets by state.", {{"job", job}, {"state", state}});
}

}  // namespace

ScrapeJob::ScrapeJob(LaneScrapes& lane, const common::prom::ScrapeConfig& config,
                     std::unique_ptr<Channel> channel)
    : discovery_{lane.context.lane(), lane.context.metrics(), lane.context.log(),
                 [&lane](const HttpClientConfig& http) { return lane.context.http_channel(http); }},
      scrapes_{lane,
               config,
               [this](ScrapeLoop& loop) {
                 scrapes_.lane.gaps.forget(loop.target().hash);
                 loops_.erase(loop.target().hash);
               },
               std::move(channel),
               std::make_unique<TargetSet>(config, discovery_),
               FailureLog(lane.context.lane(), lane.context.log(), config.scrape_failure_log_file),
               {}},
      states_{&targets_gauge(lane.context.metrics(), config.job_name, "unknown"),
              &targets_gauge(lane.context.metrics(), config.job_name, "up"),
              &targets_gauge(lane.context.metrics(), config.job_name, "down")},
      leaving_(targets_gauge(lane.context.metrics(), config.job_name, "leaving")) {}

ScrapeJob::~ScrapeJob() = default;

Status ScrapeJob::start() {
  return scrapes_.targets->start([this](const TargetChanges& changes) { on_change(changes); });
}

void ScrapeJob::stop() {
  stopped_ = true;
  for (auto& [hash, loop] : loops_) {
    loop->stop();
  }
}

bool ScrapeJob::had_once() const noexcept {
  return std::ranges::all_of(loops_, [](const auto& entry) { return entry.second->is_done(); });
}

void ScrapeJob::on_change(const TargetChanges& changes) {
  if (stopped_) {
    return;
  }
  for (const TargetPtr& target : changes.removed) {
    if (const auto found = loops_.find(target->hash); found != loops_.end()) {
      found->second->leave();
    }
  }
  for (const auto& [target, former] : changes.renewed) {
    if (const auto found = loops_.find(target->hash); found != loops_.end()) {
      found->second->renew(target);
    }
  }
  for (const TargetPtr& target : changes.added) {
    std::unique_ptr<ScrapeLoop>& loop = loops_[target->hash];
    if (loop) {
      loop->renew(target);
      loop->come_back();
    } else {
      loop = std::make_unique<ScrapeLoop>(scrapes_, target);
      loop->start();
    }
  }
  scrapes_.channel->keep_connections(loops_.size());
}

void ScrapeJob::describe(std::vector<TargetStatus>& rows) const {
  for (const auto& [hash, loop] : loops_) {
    if (loop->is_leaving()) {
      continue;
    }
    const common::prom::Target& target = loop->target();
    const TargetState& state = loop->state();
    TargetStatus& row = rows.emplace_back();
    row.pool = scrapes_.config.job_name;
    row.discovered_labels = target.discovered_labels;
    row.labels = target.labels;
    row.url = target.url;
    row.health = to_string(state.health);
    row.last_error = state.last_error;
    row.last_scrape_ns = state.last_scrape_ms * 1'000'000;
    row.last_duration_seconds = state.last_duration_seconds;
    row.interval_seconds = std::chrono::duration<double>(target.interval).count();
    row.timeout_seconds = std::chrono::duration<double>(target.timeout).count();
    row.samples = state.last_samples;
    row.samples_after_relabel = state.last_post_relabel;
    row.gap_seconds = state.gap_seconds;
  }
  if (scrapes_.lane.context.lane().id() != 0) {
    return;
  }
  for (const TargetSet::Dropped& dropped : scrapes_.targets->dropped()) {
    TargetStatus& row = rows.emplace_back();
    row.pool = scrapes_.config.job_name;
    row.discovered_labels = dropped.discovered;
    row.dropped = true;
    row.last_error = dropped.refused;
  }
  const TargetSet& targets = *scrapes_.targets;
  if (!targets.dropped().empty()) {
    rows.back().dropped_more = targets.dropped_count() - targets.dropped().size();
  }
}

void ScrapeJob::update_gauges() {
  std::array<size_t, 3> states{};
  size_t leaving = 0;
  for (const auto& [hash, loop] : loops_) {
    if (loop->is_leaving()) {
      ++leaving;
    } else {
      ++states[static_cast<size_t>(loop->state().health)];
    }
  }
  for (size_t i = 0; i < states.size(); ++i) {
    states_[i]->set(static_cast<double>(states[i]));
  }
  leaving_.set(static_cast<double>(leaving));
}

}  // namespace tailrace::inputs::prometheus_scrape
