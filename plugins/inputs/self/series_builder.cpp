#include "plugins/inputs/self/series_builder.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "plugins/common/prom/label_encoding.h"

namespace tailrace::inputs::self {

namespace {

/// What a sample takes beside its labels, for the books.
constexpr uint64_t kSampleBytes = 16;

/// "0.005", "1.0", "+Inf": Prometheus 3's form of `le`.
std::string bound_text(double bound) {
  if (std::isinf(bound)) {
    return bound > 0 ? "+Inf" : "-Inf";
  }
  std::string text = fmt::format("{}", bound);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

}  // namespace

void SeriesBuilder::build(const std::vector<OwnMetric>& metrics, int64_t timestamp_ms) {
  series_.clear();
  texts_.clear();
  families_.clear();
  rows_.clear();
  timestamps_.clear();
  values_.clear();
  for (const OwnMetric& metric : metrics) {
    MetricFamily& family = families_.emplace_back();
    family.name = metric.name;
    family.help = metric.help;
    if (metric.type == OwnMetric::Type::histogram) {
      family.type = MetricType::histogram;
    } else {
      // CPU seconds are a counter with a fraction, which a Counter cannot hold.
      family.type = metric.type == OwnMetric::Type::counter || metric.name.ends_with("_total")
                        ? MetricType::counter
                        : MetricType::gauge;
    }
    for (const OwnMetric::Sample& sample : metric.samples) {
      if (metric.type != OwnMetric::Type::histogram) {
        add(metric.name, sample.labels, {}, sample.value, family, timestamp_ms);
        continue;
      }
      for (size_t i = 0; i < sample.buckets.size(); ++i) {
        const std::string le = i < sample.bounds.size() ? bound_text(sample.bounds[i]) : "+Inf";
        add(metric.name + "_bucket", sample.labels, le, static_cast<double>(sample.buckets[i]),
            family, timestamp_ms);
      }
      add(metric.name + "_sum", sample.labels, {}, sample.sum, family, timestamp_ms);
      add(metric.name + "_count", sample.labels, {},
          sample.buckets.empty() ? 0 : static_cast<double>(sample.buckets.back()), family,
          timestamp_ms);
    }
  }
}

void SeriesBuilder::add(std::string_view name, const MetricLabels& own, std::string_view le,
                        double value, const MetricFamily& family, int64_t timestamp_ms) {
  pairs_.clear();
  pairs_.push_back({"__name__", name});
  if (!le.empty()) {
    pairs_.push_back({"le", le});
  }
  for (const auto& [label, text] : own) {
    if (!text.empty()) {
      pairs_.push_back({label, text});
    }
  }
  for (const auto& [label, text] : labels_) {
    const bool taken =
        std::any_of(pairs_.begin(), pairs_.end(),
                    [&wanted = label](const Label& pair) { return pair.name == wanted; });
    if (!taken && !text.empty()) {
      pairs_.push_back({label, text});
    }
  }
  std::sort(pairs_.begin(), pairs_.end(),
            [](const Label& a, const Label& b) { return a.name < b.name; });
  std::string& encoded = texts_.emplace_back();
  common::prom::encode_labels(encoded, pairs_);
  MetricSeries& series = series_.emplace_back();
  series.encoded_labels = encoded;
  series.hash = series_hash(encoded);
  series.family = &family;
  rows_.push_back(&series);
  timestamps_.push_back(timestamp_ms);
  values_.push_back(std::isnan(value) ? kNormalNan : std::bit_cast<uint64_t>(value));
}

MetricBatch SeriesBuilder::batch(uint32_t first, uint32_t last) {
  MetricBatch batch;
  batch.size = last - first;
  batch.series = rows_.data() + first;
  batch.timestamps = timestamps_.data() + first;
  batch.values = values_.data() + first;
  for (uint32_t i = first; i < last; ++i) {
    batch.source_bytes += rows_[i]->encoded_labels.size() + kSampleBytes;
  }
  return batch;
}

}  // namespace tailrace::inputs::self
