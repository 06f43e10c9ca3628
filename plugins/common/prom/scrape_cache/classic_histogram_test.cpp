#include "plugins/common/prom/scrape_cache/classic_histogram.h"

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "plugins/common/prom/scrape_cache/cache_bench_test.h"

namespace tailrace::common::prom {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// "count sum [bounds] offset+length… [values]"
std::string text_of(const NativeHistogram* h) {
  if (h == nullptr) {
    return "none";
  }
  CHECK(h->schema == -53);
  CHECK(h->negative_spans.empty());
  std::string spans;
  for (const BucketSpan& span : h->positive_spans) {
    spans += fmt::format(" {}+{}", span.offset, span.length);
  }
  return h->is_float ? fmt::format("~{} {} {}{} {}", h->count_float, h->sum, h->custom_values,
                                   spans, h->positive_counts)
                     : fmt::format("{} {} {}{} {}", h->count, h->sum, h->custom_values, spans,
                                   h->positive_deltas);
}

std::string convert(const std::vector<std::pair<double, double>>& buckets, double count = -1,
                    double sum = 0) {
  ClassicHistogram histogram;
  for (const auto& [bound, upto] : buckets) {
    histogram.add_bucket(bound, upto);
  }
  if (count >= 0) {
    histogram.set_count(count);
  }
  histogram.set_sum(sum);
  Arena arena(4096);
  return text_of(histogram.convert(arena));
}

TEST_CASE("ClassicHistogram: cumulative counts become buckets") {
  CHECK(convert({{0.5, 3}, {1, 5}, {kInf, 6}}, 6, 4.5) == "6 4.5 [0.5, 1] 0+3 [3, -1, -1]");
  CHECK(convert({{kInf, 6}, {1, 5}, {0.5, 3}}, 6, 4.5) == "6 4.5 [0.5, 1] 0+3 [3, -1, -1]");
  CHECK(convert({{0.5, 3}, {0.5, 4}, {kInf, 3}}) == "3 0 [0.5] 0+1 [3]");
  CHECK(convert({{1, 0.5}, {kInf, 2}}) == "~2 0 [1] 0+2 [0.5, 1.5]");
  CHECK(convert({{1, 1}}, 2.5) == "~2.5 0 [1] 0+2 [1, 1.5]");
}

TEST_CASE("ClassicHistogram: what is missing") {
  CHECK(convert({{0.5, 3}, {1, 5}}) == "5 0 [0.5, 1] 0+2 [3, -1]");
  CHECK(convert({{0.5, 3}}, 7) == "7 0 [0.5] 0+2 [3, 1]");
  CHECK(convert({}, 7, 2) == "7 2 [] 0+1 [7]");
  CHECK(convert({}) == "0 0 [] []");
}

TEST_CASE("ClassicHistogram: empty buckets") {
  CHECK(convert({{1, 0}, {2, 0}, {3, 1}, {4, 1}, {5, 1}, {6, 2}, {kInf, 2}}) ==
        "2 0 [1, 2, 3, 4, 5, 6] 2+4 [1, -1, 0, 1]");
  CHECK(convert({{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 2}, {kInf, 2}}) ==
        "2 0 [1, 2, 3, 4, 5] 0+1 3+1 [1, 0]");
  CHECK(convert({{1, 0.5}, {2, 0.5}, {kInf, 1}}) == "~1 0 [1, 2] 0+1 1+1 [0.5, 0.5]");
}

TEST_CASE("ClassicHistogram: what is no histogram") {
  CHECK(convert({{0.5, 3}, {1, 2}, {kInf, 6}}) == "none");
  CHECK(convert({{0.5, 3}, {kInf, 6}}, 7) == "none");
  CHECK(convert({{0.5, -3}, {kInf, 6}}) == "none");
  CHECK(convert({{0.5, NAN}, {kInf, 6}}) == "none");
  CHECK(convert({{0.5, 7}}, 6) == "none");
  CHECK(convert({{-kInf, 1}, {kInf, 6}}) == "none");
}

/// What a page gives: each histogram as "labels count sum …", then each sample as "labels value".
struct HistogramBench {
  explicit HistogramBench(bool keep = false, uint64_t limit = 0)
      : cache(maker, options(keep, limit)) {}
  static PageOptions options(bool keep, uint64_t limit) {
    PageOptions options;
    options.classic_to_custom_buckets = true;
    options.always_classic_histograms = keep;
    options.native_histogram_bucket_limit = limit;
    return options;
  }
  std::vector<std::string> page(std::string_view text, PageFormat format = PageFormat::text) {
    cache.begin(format, ++time);
    const bool good = cache.feed(text) && cache.finish();
    std::vector<std::string> rows;
    if (!good) {
      rows.push_back(cache.error().text);
      cache.stale(time);
    }
    Arena arena(4096);
    MetricBatch batch;
    std::vector<std::string> samples;
    while (cache.take(batch, arena, 100)) {
      for (const HistogramRow& row : batch.histograms) {
        const bool is_stale = std::bit_cast<uint64_t>(row.histogram->sum) == kStaleNan;
        rows.push_back(labels_text(*row.series) +
                       (is_stale ? " stale" : " " + text_of(row.histogram)) +
                       (row.created != 0 ? fmt::format(" from {}", row.created) : ""));
      }
      for (uint32_t i = 0; i < batch.size; ++i) {
        samples.push_back(labels_text(*batch.series[i]) +
                          (batch.values[i] == kStaleNan
                               ? " stale"
                               : fmt::format(" {}", std::bit_cast<double>(batch.values[i]))));
      }
      for (const ExemplarRow& row : batch.exemplars) {
        samples.push_back(
            fmt::format("{} # {} @{}", labels_text(*row.series), row.value, row.timestamp));
      }
    }
    rows.insert(rows.end(), samples.begin(), samples.end());
    return rows;
  }
  TestMaker maker;
  ScrapeCache cache;
  int64_t time = 0;
};
using Texts = std::vector<std::string>;

constexpr const char* kPage = R"(# TYPE h histogram
h_bucket{a="1",le="0.5"} 3
h_bucket{a="1",le="+Inf"} 4
h_sum{a="1"} 2.5
h_count{a="1"} 4
h_bucket{le="0.5",a="2"} 0
h_bucket{le="+Inf",a="2"} 1
h_sum{a="2"} 9
h_count{a="2"} 1
# TYPE g gauge
g 1
)";

TEST_CASE("classic histograms: become native ones with custom buckets") {
  HistogramBench bench;
  const Texts expected = {"__name__=h;a=1;job=j; 4 2.5 [0.5] 0+2 [3, -2]",
                          "__name__=h;a=2;job=j; 1 9 [0.5] 1+1 [1]", "__name__=g;job=j; 1"};
  for (int i = 0; i < 3; ++i) {
    CHECK(bench.page(kPage) == expected);
    CHECK(bench.cache.counts().scraped == 3);
    CHECK(bench.cache.counts().added == (i == 0 ? 3 : 0));
  }
  CHECK(bench.maker.made == 3);
  // What is gone ends.
  CHECK(bench.page("# TYPE h histogram\nh_bucket{a=\"1\",le=\"+Inf\"} 5\n") ==
        Texts{"__name__=h;a=1;job=j; 5 0 [] 0+1 [5]", "__name__=h;a=2;job=j; stale",
              "__name__=g;job=j; stale"});
  // So does what is none any more, and the page is a good one.
  CHECK(bench.page("# TYPE h histogram\nh_bucket{a=\"1\",le=\"1\"} 5\nh_count{a=\"1\"} 4\n") ==
        Texts{"__name__=h;a=1;job=j; stale"});
  CHECK(bench.page(kPage) == expected);
}

TEST_CASE("classic histograms: many pages of changing shape") {
  HistogramBench bench;
  for (int n = 0; n < 200; ++n) {
    std::string page = "# TYPE h histogram\n";
    const int from = n * 7 % 90;
    for (int i = from; i < from + 60; ++i) {
      page +=
          fmt::format("h_bucket{{i=\"{}\",le=\"1\"}} {}\nh_count{{i=\"{}\"}} {}\n", i, n, i, n + 1);
    }
    size_t live = 0;
    for (const std::string& row : bench.page(page)) {
      if (!row.ends_with(" stale")) {
        ++live;
        CHECK(row.ends_with(n == 0 ? " 1 0 [1] 1+1 [1]"
                                   : fmt::format(" {} 0 [1] 0+2 [{}, {}]", n + 1, n, 1 - n)));
      }
    }
    CHECK(live == 60);
  }
  CHECK(bench.cache.entries() <= 60 * 3 + 1);
}

TEST_CASE("classic histograms: kept beside the native ones") {
  HistogramBench bench(true);
  const Texts rows = bench.page(kPage);
  REQUIRE(rows.size() == 11);
  CHECK(rows[0] == "__name__=h;a=1;job=j; 4 2.5 [0.5] 0+2 [3, -2]");
  CHECK(rows[2] == "__name__=h_bucket;a=1;job=j;le=0.5; 3");
  CHECK(bench.cache.counts().scraped == 11);
  CHECK(bench.page(kPage) == rows);
  CHECK(bench.page("").size() == 11);
}

TEST_CASE("classic histograms: other samples end one, and what only looks like one stays") {
  HistogramBench bench;
  CHECK(bench.page("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nother 2\nh_bucket{le=\"1\"} 7\n"
                   "h_bucket 3\nh_bucket{le=\"x\"} 4\nhh_sum 5\n# TYPE k summary\nk_sum 6\n") ==
        Texts{"__name__=h;job=j; 1 0 [1] 0+1 [1]", "__name__=other;job=j; 2",
              "__name__=h_bucket;job=j; 3", "__name__=h_bucket;job=j;le=x; 4",
              "__name__=hh_sum;job=j; 5", "__name__=k_sum;job=j; 6"});
  CHECK(bench.cache.counts().duplicates == 1);
}

TEST_CASE("classic histograms: created times and exemplars of OpenMetrics") {
  HistogramBench bench;
  CHECK(bench.page("# TYPE h histogram\nh_bucket{le=\"1.0\"} 1 # {t=\"a\"} 0.5 7\n"
                   "h_bucket{le=\"+Inf\"} 1 # {t=\"b\"} 0.25\nh_sum 1\nh_count 1\n"
                   "h_created 0.005\n# EOF\n",
                   PageFormat::openmetrics) == Texts{"__name__=h;job=j; 1 1 [1] 0+1 [1] from 5",
                                                     "__name__=h_created;job=j; 0.005",
                                                     "__name__=h;job=j; # 0.5 @7000"});
}

TEST_CASE("classic histograms: relabeling and the bucket limit are those of the native one") {
  HistogramBench bench(false, 1);
  CHECK(bench.page("# TYPE drop_h histogram\ndrop_h_bucket{le=\"1\"} 1\ndrop_h_count 2\n") ==
        Texts{});
  CHECK(bench.page("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_count 2\n") ==
        Texts{"histogram bucket limit exceeded: limit 1"});
}

}  // namespace
}  // namespace tailrace::common::prom
