#include "plugins/inputs/prometheus_scrape/scrape_stats.h"

#include <string>

namespace tailrace::inputs::prometheus_scrape {

std::string_view to_string(FailReason reason) noexcept {
  switch (reason) {
    case FailReason::network:
      return "network";
    case FailReason::timeout:
      return "timeout";
    case FailReason::tls:
      return "tls";
    case FailReason::status:
      return "status";
    case FailReason::content_type:
      return "content_type";
    case FailReason::encoding:
      return "encoding";
    case FailReason::page:
      return "page";
    case FailReason::body_size:
      return "body_size";
    case FailReason::sample_limit:
      return "sample_limit";
    case FailReason::label_limit:
      return "label_limit";
    case FailReason::bucket_limit:
      return "bucket_limit";
    case FailReason::target_limit:
      return "target_limit";
    case FailReason::memory:
      return "memory";
  }
  return "";
}

std::string_view to_string(SkipReason reason) noexcept {
  switch (reason) {
    case SkipReason::no_credit:
      return "no_credit";
    case SkipReason::no_memory:
      return "no_memory";
    case SkipReason::under_way:
      return "under_way";
  }
  return "";
}

ScrapeStats::ScrapeStats(Metrics& metrics)
    : scrapes(metrics.counter("scrapes_total", "Scrapes that have ended, well or not.")),
      samples(metrics.counter("scrape_samples_total", "Samples taken from pages.")),
      bytes(metrics.counter("scrape_page_bytes_total", "Bytes of pages read, uncompressed.")),
      duplicates(metrics.counter("scrape_duplicate_samples_total",
                                 "Samples left out because their page had one of the same series "
                                 "before them.")),
      out_of_order(metrics.counter("scrape_out_of_order_samples_total",
                                   "Samples left out because their timestamp is older than the "
                                   "one of the sample before.")),
      out_of_bounds(metrics.counter("scrape_out_of_bounds_samples_total",
                                    "Samples left out because their timestamp is more than ten "
                                    "minutes ahead.")),
      durations(metrics.histogram(
          "scrape_duration_seconds", "Time that scrapes took.",
          {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60})),
      start_delays(metrics.histogram("scrape_start_delay_seconds",
                                     "How much later than planned scrapes began.",
                                     {0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5})),
      gaps(metrics.histogram("scrape_gap_seconds",
                             "Time without a scrape of a target while the agent was not running, "
                             "one for each target after a restart.",
                             {1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 21600, 86400})),
      longest_gap(metrics.gauge("scrape_gap_max_seconds",
                                "The longest time without a scrape of a target while the agent "
                                "was not running.")),
      series(metrics.gauge("scrape_series", "Series of the last good page of all targets.")),
      cache_bytes(
          metrics.gauge("scrape_cache_bytes", "Memory that remembers the series of all targets.")) {
  for (size_t i = 0; i < failed_.size(); ++i) {
    failed_[i] = &metrics.counter("scrapes_failed_total", "Scrapes that failed, by reason.",
                                  {{"reason", std::string(to_string(static_cast<FailReason>(i)))}});
  }
  for (size_t i = 0; i < skipped_.size(); ++i) {
    skipped_[i] =
        &metrics.counter("scrapes_skipped_total", "Scrapes that did not happen, by reason.",
                         {{"reason", std::string(to_string(static_cast<SkipReason>(i)))}});
  }
}

}  // namespace tailrace::inputs::prometheus_scrape
