#include "plugins/inputs/prometheus_scrape/prometheus_scrape.h"

#include <utility>

#include <fmt/format.h>

#include "tailrace/plugin.h"

namespace tailrace::inputs::prometheus_scrape {

namespace {

constexpr std::chrono::milliseconds kLookEvery{20};

}  // namespace

PrometheusScrape::PrometheusScrape(std::shared_ptr<const Config> config, InputContext& context)
    : config_(std::move(config)),
      context_(context),
      lane_(context, config_->global.external_labels) {}

PrometheusScrape::~PrometheusScrape() = default;

Result<std::unique_ptr<Input>> PrometheusScrape::make(std::shared_ptr<const Config> config,
                                                      InputContext& context) {
  auto input = std::make_unique<PrometheusScrape>(std::move(config), context);
  for (const common::prom::ScrapeConfig& job : input->config_->scrape_configs) {
    auto channel = context.http_channel(job.http);
    if (!channel) {
      return fail(channel.error().code,
                  fmt::format("job {}: {}", job.job_name, channel.error().message));
    }
    input->jobs_.push_back(std::make_unique<ScrapeJob>(input->lane_, job, std::move(*channel)));
  }
  return std::unique_ptr<Input>(std::move(input));
}

void PrometheusScrape::start() {
  for (const auto& job : jobs_) {
    const Status started = job->start();
    if (!started) {
      context_.log().error("discovery",
                           fmt::format("job {} has no targets: {}", job->config().job_name,
                                       started.error().message));
    }
  }
  if (context_.once()) {
    once_timer_ = context_.lane().timer([this] { look_for_the_end(); });
    once_timer_->start(kLookEvery);
  }
}

/// Under `once`: every discovery has told what is there, and every target has been scraped.
void PrometheusScrape::look_for_the_end() {
  bool all_known = true;
  bool all_scraped = true;
  for (const auto& job : jobs_) {
    all_known = all_known && job->targets().complete();
    all_scraped = all_scraped && job->had_once();
  }
  // What was told just now becomes targets in a turn of its own.
  if (all_known && all_known_ && all_scraped) {
    context_.finished();
    return;
  }
  all_known_ = all_known;
  once_timer_->start(kLookEvery);
}

void PrometheusScrape::stop() {
  for (const auto& job : jobs_) {
    job->stop();
  }
  once_timer_.reset();
  lane_.next_turn->stop();
  lane_.gaps.flush();
}

void PrometheusScrape::on_credit() {
  lane_.serve_waiting();
}

std::vector<TargetStatus> PrometheusScrape::targets() const {
  std::vector<TargetStatus> rows;
  for (const auto& job : jobs_) {
    job->describe(rows);
  }
  return rows;
}

void PrometheusScrape::update_gauges() {
  uint64_t series = 0;
  size_t bytes = 0;
  for (const auto& job : jobs_) {
    job->update_gauges();
    for (const auto& [hash, loop] : job->loops()) {
      series += loop->cache().live_series();
      bytes += loop->cache().bytes();
    }
  }
  lane_.stats.series.set(static_cast<double>(series));
  lane_.stats.cache_bytes.set(static_cast<double>(bytes));
}

}  // namespace tailrace::inputs::prometheus_scrape

namespace tailrace {

constexpr Signal kPrometheusScrapeSignals[] = {Signal::metrics};

extern const PluginDescriptor inputs_prometheus_scrape_plugin;
const PluginDescriptor inputs_prometheus_scrape_plugin =
    define_input<inputs::prometheus_scrape::PrometheusScrape, common::prom::ScrapeOptions>(
        {.name = "prometheus_scrape",
         .summary = "Scrapes metrics by Prometheus's own scrape_configs.",
         .signals = kPrometheusScrapeSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = true},
        common::prom::scrape_options_schema);

}  // namespace tailrace
