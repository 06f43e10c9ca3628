#pragma once

#include <bit>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tailrace/metric_batch.h"

#include "codec/snappy.h"
#include "plugins/common/prom/label_encoding.h"
#include "plugins/common/prom/metric_rows.h"
#include "plugins/common/prom/write_reader.h"

namespace tailrace::common::prom::test {

using LabelMap = std::map<std::string, std::string>;

/// Builds a MetricBatch as an input does; owns everything that it points to.
class MetricBatchOf {
 public:
  MetricBatchOf() = default;
  MetricBatchOf(const MetricBatchOf&) = delete;
  MetricBatchOf& operator=(const MetricBatchOf&) = delete;

  MetricSeries& series(const LabelMap& labels) {
    auto& known = by_labels_[labels];
    if (known == nullptr) {
      std::vector<Label> pairs;
      for (const auto& [name, value] : labels) {
        pairs.push_back({name, value});
      }
      encode_labels(texts_.emplace_back(), pairs);
      known = std::make_unique<MetricSeries>();
      known->encoded_labels = texts_.back();
      known->hash = series_hash(known->encoded_labels);
    }
    return *known;
  }
  MetricBatchOf& sample(const LabelMap& labels, int64_t timestamp, double value,
                        int64_t created = 0) {
    return bits(labels, timestamp, std::bit_cast<uint64_t>(value), created);
  }
  MetricBatchOf& bits(const LabelMap& labels, int64_t timestamp, uint64_t value,
                      int64_t created = 0) {
    rows_.add_sample(series(labels), timestamp, value, created);
    return *this;
  }
  MetricBatchOf& family(const LabelMap& labels, MetricFamily family) {
    series(labels).family = &families_.emplace_back(std::move(family));
    return *this;
  }
  MetricBatchOf& histogram(const LabelMap& labels, int64_t timestamp, const NativeHistogram& h,
                           int64_t created = 0) {
    rows_.add(HistogramRow{&series(labels), timestamp, created, &natives_.emplace_back(h)});
    return *this;
  }
  MetricBatchOf& exemplar(const LabelMap& labels, const LabelMap& own, double value,
                          int64_t timestamp) {
    auto& kept = exemplar_labels_.emplace_back(own.begin(), own.end());
    auto& views = exemplar_views_.emplace_back();
    for (const auto& [name, text] : kept) {
      views.push_back({name, text});
    }
    rows_.add(ExemplarRow{&series(labels), views, value, timestamp});
    return *this;
  }
  MetricBatch& batch() {
    rows_.show_in(batch_);
    batch_.source_bytes = 100 * batch_.records();
    return batch_;
  }

 private:
  std::map<LabelMap, std::unique_ptr<MetricSeries>> by_labels_;
  std::deque<std::string> texts_;
  std::deque<MetricFamily> families_;
  std::deque<NativeHistogram> natives_;
  std::deque<std::vector<std::pair<std::string, std::string>>> exemplar_labels_;
  std::deque<std::vector<Label>> exemplar_views_;
  MetricRows rows_;
  MetricBatch batch_;
};

inline std::string text_of(std::span<const Label> labels) {
  std::string text = "{";
  for (const Label& label : labels) {
    text += fmt::format("{}{}={}", text.size() > 1 ? "," : "", label.name, label.value);
  }
  return text + "}";
}

inline std::string text_of(const NativeHistogram& h) {
  std::string text = fmt::format("{} count {} {} sum {:x} schema {} zero {} {} {} hint {}",
                                 h.is_float ? "float" : "int", h.count, h.count_float,
                                 std::bit_cast<uint64_t>(h.sum), h.schema, h.zero_threshold,
                                 h.zero_count, h.zero_count_float, static_cast<int>(h.reset_hint));
  const auto list = [&text](const char* name, const auto& values, const auto& print) {
    text += fmt::format(" {}", name);
    for (const auto& value : values) {
      text += print(value);
    }
  };
  const auto spans = [](const BucketSpan& s) { return fmt::format(" {}+{}", s.offset, s.length); };
  const auto plain = [](auto value) { return fmt::format(" {}", value); };
  list("negative", h.negative_spans, spans);
  list("", h.negative_deltas, plain);
  list("", h.negative_counts, plain);
  list("positive", h.positive_spans, spans);
  list("", h.positive_deltas, plain);
  list("", h.positive_counts, plain);
  list("custom", h.custom_values, plain);
  return text;
}

/// Every sample and histogram of an uncompressed body as a text, with all that belongs to it.
/// `with_metadata`: what 2.0 says of the family too.
inline std::vector<std::string> records_of(WriteVersion version, std::string_view body,
                                           bool with_metadata = false) {
  std::vector<std::string> texts;
  WriteReader reader;
  const auto totals = reader.check(version, body);
  INFO((totals ? std::string() : totals.error().message));
  REQUIRE(totals);
  Arena arena;
  REQUIRE(reader.read(version, body, arena, [&](const DecodedSeries& series) {
    std::vector<Label> labels;
    for (const Label& label : EncodedLabels(series.labels)) {
      labels.push_back(label);
    }
    std::string head = text_of(labels);
    if (with_metadata && series.has_metadata) {
      head += fmt::format(" ({}|{}|{})", to_string(series.metadata.type), series.metadata.help,
                          series.metadata.unit);
    }
    std::string exemplars;
    for (const ExemplarView& exemplar : series.exemplars) {
      exemplars +=
          fmt::format(" # {} {} {}", text_of(exemplar.labels), exemplar.value, exemplar.timestamp);
    }
    const auto created = [](int64_t at) { return at != 0 ? fmt::format(" from {}", at) : ""; };
    for (const auto& sample : series.samples) {
      texts.push_back(fmt::format("{} {:x} @{}{}{}", head, sample.value, sample.timestamp,
                                  created(sample.created), exemplars));
      exemplars.clear();
    }
    for (const auto& h : series.histograms) {
      texts.push_back(fmt::format("{} {} @{}{}{}", head, text_of(h.histogram), h.timestamp,
                                  created(h.created), exemplars));
      exemplars.clear();
    }
    if (!exemplars.empty()) {
      texts.push_back(head + exemplars);
    }
  }));
  return texts;
}

inline std::string uncompressed(std::string_view payload) {
  const auto body = codec::snappy_uncompress(payload, 1 << 30);
  REQUIRE(body);
  return std::string(body->view());
}

}  // namespace tailrace::common::prom::test
