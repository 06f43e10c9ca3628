#include "plugins/inputs/prometheus_scrape/report_series.h"

#include <bit>
#include <vector>

#include "plugins/common/prom/added_labels.h"
#include "plugins/common/prom/label_encoding.h"

namespace tailrace::inputs::prometheus_scrape {

namespace {

constexpr uint32_t kUsual = 5;  // the others come with extra_scrape_metrics

const std::array<MetricFamily, 8>& families() {
  static const std::array<MetricFamily, 8> all = {{
      {"up", MetricType::gauge, "1 when the last scrape of the target worked, 0 when it failed.",
       ""},
      {"scrape_duration_seconds", MetricType::gauge, "Time that the last scrape took.", "seconds"},
      {"scrape_samples_scraped", MetricType::gauge, "Samples that the target's page had.", ""},
      {"scrape_samples_post_metric_relabeling", MetricType::gauge,
       "Samples that were left after metric relabeling.", ""},
      {"scrape_series_added", MetricType::gauge,
       "Series of the last scrape that the one before it did not have.", ""},
      {"scrape_timeout_seconds", MetricType::gauge, "Time that a scrape of the target may take.",
       "seconds"},
      {"scrape_sample_limit", MetricType::gauge,
       "Most samples that a page of the target may have; 0 is no limit.", ""},
      {"scrape_body_size_bytes", MetricType::gauge,
       "Size of the last page, uncompressed; -1 when it was over the limit.", "bytes"},
  }};
  return all;
}

}  // namespace

ReportSeries::ReportSeries(const common::prom::ScrapeConfig& job, const StringMap& external,
                           const common::prom::Target& target, common::prom::LabelBuilder& builder)
    : timeout_(target.timeout),
      sample_limit_(job.sample_limit),
      size_(job.extra_scrape_metrics.value_or(false) ? kMost : kUsual) {
  std::vector<Label> labels;
  for (const auto& [name, value] : target.labels) {
    labels.push_back({name, value});
  }
  std::array<size_t, kMost + 1> ends{};
  std::string one;
  for (uint32_t i = 0; i < size_; ++i) {
    builder.assign(labels);
    builder.set("__name__", families()[i].name);
    common::prom::add_external_labels(external, builder);
    common::prom::encode_labels(one, builder.labels());
    encoded_ += one;
    ends[i + 1] = encoded_.size();
  }
  encoded_.shrink_to_fit();
  for (uint32_t i = 0; i < size_; ++i) {
    const std::string_view all = encoded_;
    series_[i].encoded_labels = all.substr(ends[i], ends[i + 1] - ends[i]);
    series_[i].hash = series_hash(series_[i].encoded_labels);
    series_[i].family = &families()[i];
  }
}

void ReportSeries::fill(MetricBatch& batch, const ScrapeReport& report, Arena& arena) const {
  const std::array<double, kMost> values = {report.up ? 1.0 : 0.0,
                                            report.duration_seconds,
                                            static_cast<double>(report.scraped),
                                            static_cast<double>(report.post_relabel),
                                            static_cast<double>(report.added),
                                            std::chrono::duration<double>(timeout_).count(),
                                            static_cast<double>(sample_limit_),
                                            static_cast<double>(report.body_bytes)};
  batch.size = size_;
  batch.series = arena.array<const MetricSeries*>(size_);
  batch.timestamps = arena.array<int64_t>(size_);
  batch.values = arena.array<uint64_t>(size_);
  for (uint32_t i = 0; i < size_; ++i) {
    batch.series[i] = &series_[i];
    batch.timestamps[i] = report.timestamp_ms;
    batch.values[i] = report.stale ? kStaleNan : std::bit_cast<uint64_t>(values[i]);
  }
}

}  // namespace tailrace::inputs::prometheus_scrape
