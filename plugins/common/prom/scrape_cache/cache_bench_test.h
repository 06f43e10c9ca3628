#pragma once

#include <bit>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/arena.h"

#include "plugins/common/prom/label_builder.h"
#include "plugins/common/prom/scrape_cache/scrape_cache.h"

/// A cache under test: pages in, rows out as plain values.
namespace tailrace::common::prom {

/// Adds `job="j"`; drops what is named `drop…`; renames the label `old` to `new`.
class TestMaker final : public SeriesMaker {
 public:
  bool make(std::span<const Label> scraped, LabelBuilder& series) override {
    ++made;
    series.assign(scraped);
    if (series.get("__name__").starts_with("drop")) {
      return false;
    }
    if (series.has("old")) {
      series.set_copy("new", std::string(series.get("old")));
      series.erase("old");
    }
    series.set("job", "j");
    return true;
  }
  uint64_t made = 0;
};

struct TestRow {
  std::string labels;  // name=value;…
  int64_t timestamp = 0;
  uint64_t value = 0;
  auto operator<=>(const TestRow&) const = default;
  double number() const { return std::bit_cast<double>(value); }
};

inline std::string labels_text(const MetricSeries& series) {
  std::string text;
  for (const Label& label : EncodedLabels(series.encoded_labels)) {
    text.append(label.name).append("=").append(label.value).append(";");
  }
  return text;
}

struct CacheBench {
  explicit CacheBench(PageOptions options = {}) : cache(maker, options) {}

  /// A whole page, cut into chunks of `chunk` bytes. False: refused; then stale() was called.
  bool page(std::string_view text, int64_t timestamp, PageFormat format = PageFormat::text,
            size_t chunk = SIZE_MAX) {
    cache.begin(format, timestamp);
    bool good = true;
    while (good && !text.empty()) {
      const std::string piece(text.substr(0, chunk));  // a heap block of its own: ASan sees its end
      good = cache.feed(piece);
      text.remove_prefix(piece.size());
    }
    good = good && cache.finish();
    if (!good) {
      cache.stale(timestamp);
    }
    take();
    return good;
  }
  /// All rows that wait.
  void take(uint32_t max_rows = 7) {
    rows.clear();
    exemplars.clear();
    families.clear();
    created.clear();
    histogram_rows = 0;
    bytes = 0;
    Arena arena;
    MetricBatch batch;
    const uint64_t expected = cache.waiting_rows();
    while (cache.take(batch, arena, max_rows)) {
      most_rows = std::max(most_rows, batch.records());
      for (uint32_t i = 0; i < batch.size; ++i) {
        rows.push_back({labels_text(*batch.series[i]), batch.timestamps[i], batch.values[i]});
        const MetricFamily* family = batch.series[i]->family;
        families.push_back(family == nullptr ? "" : family->name + " " + family->help);
        created.push_back(batch.created == nullptr ? 0 : batch.created[i]);
      }
      for (const ExemplarRow& row : batch.exemplars) {
        std::string text = labels_text(*row.series) + " #";
        for (const Label& label : row.labels) {
          text.append(" ").append(label.name).append("=").append(label.value);
        }
        exemplars.push_back(text + " " + std::to_string(row.value) + " " +
                            std::to_string(row.timestamp));
      }
      histogram_rows += batch.histograms.size();
      bytes += batch.source_bytes;
    }
    expected_too_few = expected_too_few || rows.size() + histogram_rows > expected;
  }
  const TestRow* row(std::string_view labels) const {
    for (const TestRow& row : rows) {
      if (row.labels == labels) {
        return &row;
      }
    }
    return nullptr;
  }

  TestMaker maker;
  ScrapeCache cache;
  std::vector<TestRow> rows;
  std::vector<std::string> families;  // beside rows
  std::vector<int64_t> created;       // beside rows
  std::vector<std::string> exemplars;
  uint64_t histogram_rows = 0;
  uint64_t bytes = 0;
  uint32_t most_rows = 0;
  bool expected_too_few = false;
};

}  // namespace tailrace::common::prom
