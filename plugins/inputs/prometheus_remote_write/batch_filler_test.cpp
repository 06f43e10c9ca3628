#include "plugins/inputs/prometheus_remote_write/batch_filler.h"

#include <deque>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/common/prom/label_encoding.h"
#include "plugins/common/prom/point_rows.h"

using namespace tailrace;
using namespace tailrace::inputs::prometheus_remote_write;
using common::prom::DecodedSeries;

namespace {

/// Fills batches with series as they come in a body.
class Bench {
 public:
  explicit Bench(MetricType type) {
    common::prom::MetadataView metadata;
    metadata.family_name = "h";
    metadata.type = type;
    families_.learn(metadata);
  }
  void add(std::string_view metric, const std::string& number, const std::string& le = "") {
    const std::vector<Label> labels =
        le.empty() ? std::vector<Label>{{"__name__", metric}, {"i", number}}
                   : std::vector<Label>{{"__name__", metric}, {"i", number}, {"le", le}};
    std::string& encoded = texts_.emplace_back(common::prom::encoded_labels_size(labels), 0);
    common::prom::encode_labels(encoded.data(), labels);
    static const DecodedSeries::Sample sample{.value = 1, .timestamp = 5};
    DecodedSeries series;
    series.labels = encoded;
    series.metric = metric;
    series.samples = {&sample, 1};
    filler_.add(series, families_, "", "", arena_);
    if (filler_.full()) {
      take();
    }
  }
  /// Rows of the batches so far, and of what is left.
  std::vector<uint32_t> take() {
    const MetricBatch batch = filler_.batch();
    sizes_.push_back(batch.size);
    const std::string_view first = (*EncodedLabels(batch.series[0]->encoded_labels).begin()).value;
    firsts_.emplace_back(first);
    filler_.clear();
    return sizes_;
  }
  const std::vector<std::string>& firsts() const { return firsts_; }

 private:
  FamilyBook families_;
  BatchFiller filler_;
  Arena arena_;
  std::deque<std::string> texts_;
  std::vector<uint32_t> sizes_;
  std::vector<std::string> firsts_;
};

}  // namespace

TEST_CASE("BatchFiller: a batch ends between two histograms") {
  for (const bool sum_first : {true, false}) {
    Bench bench(MetricType::histogram);
    for (int i = 0; i < 2000; ++i) {
      const std::string number = std::to_string(i);
      for (const char* le : {"1", "2", "4", "8", "+Inf"}) {
        bench.add("h_bucket", number, le);
      }
      bench.add(sum_first ? "h_sum" : "h_count", number);
      bench.add(sum_first ? "h_count" : "h_sum", number);
    }
    uint32_t sum = 0;
    for (const uint32_t size : bench.take()) {
      CHECK(size % 7 == 0);
      CHECK(size <= 4096 + 7);
      sum += size;
    }
    CHECK(sum == 14'000);
    CHECK(bench.firsts() == std::vector<std::string>(bench.firsts().size(), "h_bucket"));
  }
}

TEST_CASE("BatchFiller: what never ends is cut, and what has no parts as soon as it is enough") {
  Bench endless(MetricType::histogram);
  for (int i = 0; i < 10'000; ++i) {
    endless.add("h_bucket", "1", std::to_string(i));
  }
  CHECK(endless.take() == std::vector<uint32_t>{8192, 1808});
  Bench plain(MetricType::gauge);
  for (int i = 0; i < 10'000; ++i) {
    plain.add("h", std::to_string(i));
  }
  CHECK(plain.take() == std::vector<uint32_t>{4096, 4096, 1808});
}
