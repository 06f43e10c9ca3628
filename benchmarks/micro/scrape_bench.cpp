#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "tailrace/arena.h"

#include "plugins/common/prom/label_builder.h"
#include "plugins/common/prom/scrape_cache/scrape_cache.h"

/// Pages through a scrape cache, up to the rows that outputs get.
///
///   micro --benchmark_filter=scrape
namespace {

using namespace tailrace;
using namespace tailrace::common::prom;

constexpr size_t kChunk = 64 * 1024;

class JobAndInstance final : public SeriesMaker {
 public:
  bool make(std::span<const Label> scraped, LabelBuilder& series) override {
    series.assign(scraped);
    series.set("instance", "node-17.example:9100");
    series.set("job", "node");
    return true;
  }
};

/// Lines of 110 bytes on average, 6 labels, values as counters and gauges have them.
class Page {
 public:
  explicit Page(size_t lines) {
    for (size_t i = 0; i < lines; ++i) {
      series_.push_back(fmt::format(
          R"(http_requests_{:03}_total{{code="{}",handler="/api/v1/h{:05}",method="{}",pod="web-{:06}",zone="eu-{}",v="{}"}})",
          i / 1000, 200 + i % 5, i % 997, i % 2 == 0 ? "get" : "put", i, i % 3, i % 7));
      values_.push_back(random_() % 100'000'000);
    }
  }
  /// Changes so many per cent of the values.
  void change(unsigned percent) {
    for (uint64_t& value : values_) {
      value += random_() % 100 < percent ? 1 + random_() % 1000 : 0;
    }
  }
  const std::string& text() {
    text_.clear();
    for (size_t i = 0; i < series_.size(); ++i) {
      const uint64_t value = values_[i];
      switch (i % 4) {
        case 0:
        case 1:
          fmt::format_to(std::back_inserter(text_), "{} {}\n", series_[i], value);
          break;
        case 2:
          fmt::format_to(std::back_inserter(text_), "{} {}.{:03}\n", series_[i], value / 1000,
                         value % 1000);
          break;
        default:
          fmt::format_to(std::back_inserter(text_), "{} {}\n", series_[i],
                         static_cast<double>(value) / 3);
      }
    }
    return text_;
  }

 private:
  std::mt19937_64 random_{17};
  std::vector<std::string> series_;
  std::vector<uint64_t> values_;
  std::string text_;
};

uint64_t scrape(ScrapeCache& cache, std::string_view text, int64_t timestamp, Arena& arena) {
  cache.begin(PageFormat::text, timestamp);
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), kChunk))) {
    if (!cache.feed(text.substr(0, kChunk))) {
      return 0;
    }
  }
  if (!cache.finish()) {
    return 0;
  }
  uint64_t rows = 0;
  MetricBatch batch;
  while (cache.take(batch, arena, 8192)) {
    rows += batch.size;
    benchmark::DoNotOptimize(batch.values);
    arena.reset();
  }
  return rows;
}

void scrape_warm(benchmark::State& state) {
  Page page(static_cast<size_t>(state.range(0)));
  JobAndInstance maker;
  ScrapeCache cache(maker, {});
  Arena arena;
  scrape(cache, page.text(), 1, arena);
  // Several versions of the page, so that the changes are real.
  std::vector<std::string> texts;
  for (int i = 0; i < (state.range(0) > 100'000 ? 2 : 8); ++i) {
    page.change(static_cast<unsigned>(state.range(1)));
    texts.push_back(page.text());
  }
  int64_t time = 2;
  uint64_t rows = 0;
  for (auto _ : state) {
    rows += scrape(cache, texts[static_cast<size_t>(time) % texts.size()], time, arena);
    ++time;
  }
  state.SetItemsProcessed(static_cast<int64_t>(rows));
  state.counters["bytes_per_series"] =
      static_cast<double>(cache.bytes()) / static_cast<double>(state.range(0));
}
BENCHMARK(scrape_warm)
    ->ArgNames({"series", "changed"})
    ->Args({400, 100})
    ->Args({20'000, 0})
    ->Args({20'000, 50})
    ->Args({20'000, 100})
    ->Args({1'000'000, 100})
    ->Unit(benchmark::kMicrosecond);

void scrape_cold(benchmark::State& state) {
  Page page(static_cast<size_t>(state.range(0)));
  const std::string text = page.text();
  JobAndInstance maker;
  Arena arena;
  uint64_t rows = 0;
  for (auto _ : state) {
    ScrapeCache cache(maker, {});
    rows += scrape(cache, text, 1, arena);
  }
  state.SetItemsProcessed(static_cast<int64_t>(rows));
}
BENCHMARK(scrape_cold)->ArgName("series")->Arg(20'000)->Unit(benchmark::kMicrosecond);

}  // namespace
