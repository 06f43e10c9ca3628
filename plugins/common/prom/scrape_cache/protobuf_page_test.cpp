#include <bit>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "codec/varint.h"
#include "plugins/common/prom/scrape_cache/cache_bench_test.h"

using namespace tailrace;
using namespace tailrace::common::prom;

namespace {

/// A protobuf message, field by field.
class Message {
 public:
  Message& bytes(uint32_t field, std::string_view content) {
    varint(field << 3 | 2);
    varint(content.size());
    text_ += content;
    return *this;
  }
  Message& bytes(uint32_t field, const Message& content) { return bytes(field, content.text_); }
  Message& number(uint32_t field, uint64_t value) {
    varint(field << 3);
    varint(value);
    return *this;
  }
  Message& zigzag(uint32_t field, int64_t value) { return number(field, codec::zigzag(value)); }
  Message& real(uint32_t field, double value) {
    varint(field << 3 | 1);
    const auto bits = std::bit_cast<uint64_t>(value);
    text_.append(reinterpret_cast<const char*>(&bits), sizeof bits);
    return *this;
  }
  Message& packed(uint32_t field, const std::vector<int64_t>& values) {
    Message content;
    for (const int64_t value : values) {
      content.varint(codec::zigzag(value));
    }
    return bytes(field, content);
  }
  /// Behind its length, as it stands in a page.
  std::string delimited() const {
    Message length;
    length.varint(text_.size());
    return length.text_ + text_;
  }

 private:
  void varint(uint64_t value) {
    char buffer[codec::kMaxVarintBytes];
    text_.append(buffer, codec::write_varint(buffer, value));
  }
  std::string text_;
};

Message label(std::string_view name, std::string_view value) {
  return Message().bytes(1, name).bytes(2, value);
}
Message timestamp(int64_t seconds, int32_t nanos) {
  return Message()
      .number(1, static_cast<uint64_t>(seconds))
      .number(2, static_cast<uint64_t>(nanos));
}
Message family(std::string_view name, uint64_t type) {
  return Message().bytes(1, name).bytes(2, "Help.").number(3, type);
}
Message span(int32_t offset, uint32_t length) {
  return Message().zigzag(1, offset).number(2, length);
}

constexpr uint64_t kCounter = 0;
constexpr uint64_t kGauge = 1;
constexpr uint64_t kSummary = 2;
constexpr uint64_t kHistogram = 4;

Message native(uint64_t count) {
  return Message()
      .number(1, count)
      .real(2, 18.5)
      .zigzag(5, 2)
      .real(6, 0.001)
      .number(7, 2)
      .bytes(12, span(1, 2))
      .bytes(12, span(3, 1))
      .packed(13, {1, 2, -1})  // 1, 3, 2
      .bytes(15, timestamp(9, 500'000'000));
}

constexpr PageFormat kFormat = PageFormat::protobuf;

}  // namespace

TEST_CASE("ScrapeCache, protobuf: counters and gauges, with time, start and exemplar") {
  const std::string page =
      family("c_total", kCounter)
          .bytes(4, Message()
                        .bytes(1, label("x", "1"))
                        .bytes(3, Message()
                                      .real(1, 7)
                                      .bytes(2, Message()
                                                    .bytes(1, label("id", "q"))
                                                    .real(2, 0.5)
                                                    .bytes(3, timestamp(4, 250'000'000)))
                                      .bytes(3, timestamp(1, 500'000'000))))
          .delimited() +
      family("g", kGauge)
          .bytes(4, Message().bytes(2, Message().real(1, 3)).number(6, 900))
          .bytes(4, Message().bytes(1, label("old", "z")).bytes(2, Message().real(1, 4)))
          .delimited();
  for (size_t chunk = 1; chunk <= page.size(); chunk += 13) {
    CacheBench bench;
    for (int64_t time = 1000; time < 1003; ++time) {
      REQUIRE(bench.page(page, time, kFormat, chunk));
      CHECK(bench.rows == std::vector<TestRow>{
                              {"__name__=c_total;job=j;x=1;", time, std::bit_cast<uint64_t>(7.0)},
                              {"__name__=g;job=j;", 900, std::bit_cast<uint64_t>(3.0)},
                              {"__name__=g;job=j;new=z;", time, std::bit_cast<uint64_t>(4.0)}});
      CHECK(bench.families[0] == "c_total Help.");
      CHECK(bench.created == std::vector<int64_t>{1500, 0, 0});
      CHECK(bench.exemplars ==
            (time == 1000 ? std::vector<std::string>{"__name__=c_total;job=j;x=1; # id=q 0.500000 "
                                                     "4250"}
                          : std::vector<std::string>{}));
    }
    CHECK(bench.maker.made == 3);
  }
}

TEST_CASE("ScrapeCache, protobuf: summaries and classic histograms become their series") {
  CacheBench bench;
  const std::string page =
      family("s", kSummary)
          .bytes(4, Message().bytes(4, Message()
                                           .number(1, 10)
                                           .real(2, 2.5)
                                           .bytes(3, Message().real(1, 1).real(2, 0.25))
                                           .bytes(3, Message().real(1, 0.99).real(2, 8))))
          .delimited() +
      family("h", kHistogram)
          .bytes(4,
                 Message().bytes(7, Message()
                                        .number(1, 5)
                                        .real(2, 6)
                                        .bytes(3, Message().number(1, 2).real(2, 1))
                                        .bytes(3, Message().number(1, 4).real(2, 1e6))))
          .delimited();
  REQUIRE(bench.page(page, 1, kFormat));
  std::vector<std::pair<std::string, double>> rows;
  for (const TestRow& row : bench.rows) {
    rows.emplace_back(row.labels, row.number());
  }
  CHECK(rows ==
        std::vector<std::pair<std::string, double>>{{"__name__=s_count;job=j;", 10},
                                                    {"__name__=s_sum;job=j;", 2.5},
                                                    {"__name__=s;job=j;quantile=1.0;", 0.25},
                                                    {"__name__=s;job=j;quantile=0.99;", 8},
                                                    {"__name__=h_count;job=j;", 5},
                                                    {"__name__=h_sum;job=j;", 6},
                                                    {"__name__=h_bucket;job=j;le=1.0;", 2},
                                                    {"__name__=h_bucket;job=j;le=1e+06;", 4},
                                                    {"__name__=h_bucket;job=j;le=+Inf;", 5}});
}

TEST_CASE("ScrapeCache, protobuf: native histograms") {
  const auto page = [](const Message& histogram) {
    return family("h", kHistogram).bytes(4, Message().bytes(7, histogram)).delimited();
  };
  CacheBench bench({.native_histograms = true});
  bench.cache.begin(kFormat, 7);
  REQUIRE(bench.cache.feed(page(native(8))));
  REQUIRE(bench.cache.finish());
  Arena arena;
  MetricBatch batch;
  REQUIRE(bench.cache.take(batch, arena, 10));
  REQUIRE(batch.histograms.size() == 1);
  const HistogramRow& row = batch.histograms[0];
  CHECK(row.timestamp == 7);
  CHECK(row.created == 9500);
  CHECK(labels_text(*row.series) == "__name__=h;job=j;");
  CHECK(row.histogram->count == 8);
  CHECK(row.histogram->schema == 2);
  CHECK(row.histogram->zero_count == 2);
  REQUIRE(row.histogram->positive_spans.size() == 2);
  CHECK(row.histogram->positive_spans[1].offset == 3);
  CHECK(std::vector<int64_t>(row.histogram->positive_deltas.begin(),
                             row.histogram->positive_deltas.end()) ==
        std::vector<int64_t>{1, 2, -1});

  // Gone: the marker is a histogram, too.
  REQUIRE(bench.page(family("g", kGauge).bytes(4, Message()).delimited(), 8, kFormat));
  CHECK(bench.histogram_rows == 1);

  CHECK_FALSE(bench.page(page(native(9)), 9, kFormat));  // does not add up
  CHECK(bench.cache.error().text.find("add up") != std::string::npos);
  CHECK_FALSE(bench.page(page(native(8).zigzag(5, 9)), 9, kFormat));
  CHECK_FALSE(bench.page(page(native(8).bytes(12, span(-1, 1))), 9, kFormat));
  CHECK_FALSE(bench.page(page(native(8).bytes(12, span(1, 4'000'000'000))), 9, kFormat));

  CacheBench classic;  // not asked for: counts only
  REQUIRE(classic.page(page(native(8)), 1, kFormat));
  CHECK(classic.rows.size() == 3);
  CHECK(classic.histogram_rows == 0);

  CacheBench both({.native_histograms = true, .always_classic_histograms = true});
  REQUIRE(both.page(page(native(8).bytes(3, Message().number(1, 2).real(2, 1))), 1, kFormat));
  CHECK(both.rows.size() == 4);
  CHECK(both.histogram_rows == 1);
}

TEST_CASE("ScrapeCache, protobuf: resolution is reduced until the buckets are few enough") {
  const std::string page =
      family("h", kHistogram).bytes(4, Message().bytes(7, native(8))).delimited();
  CacheBench bench({.native_histograms = true, .native_histogram_bucket_limit = 2});
  bench.cache.begin(kFormat, 7);
  REQUIRE(bench.cache.feed(page));
  REQUIRE(bench.cache.finish());
  Arena arena;
  MetricBatch batch;
  REQUIRE(bench.cache.take(batch, arena, 10));
  // Buckets 1, 2 and 6 of schema 2 are 1, 1 and 3 of schema 1.
  CHECK(batch.histograms[0].histogram->schema == 1);
  CHECK(std::vector<int64_t>(batch.histograms[0].histogram->positive_deltas.begin(),
                             batch.histograms[0].histogram->positive_deltas.end()) ==
        std::vector<int64_t>{4, -2});

  CacheBench factor({.native_histograms = true, .native_histogram_min_bucket_factor = 3.9});
  REQUIRE(factor.page(page, 1, kFormat));
  CHECK(factor.histogram_rows == 1);

  const Message two_signs = Message()
                                .number(1, 2)
                                .zigzag(5, -4)
                                .bytes(9, span(0, 1))
                                .packed(10, {1})
                                .bytes(12, span(0, 1))
                                .packed(13, {1});
  CacheBench limit({.native_histograms = true, .native_histogram_bucket_limit = 1});
  CHECK_FALSE(limit.page(
      family("h", kHistogram).bytes(4, Message().bytes(7, two_signs)).delimited(), 1, kFormat));
  CHECK(limit.cache.error().kind == PageError::Kind::bucket_limit);
}

TEST_CASE("ScrapeCache, protobuf: what is refused") {
  CacheBench bench;
  const std::string good =
      family("g", kGauge).bytes(4, Message().bytes(2, Message().real(1, 3))).delimited();
  CHECK(bench.page(good, 1, kFormat));
  CHECK_FALSE(bench.page(good.substr(0, good.size() - 1), 1, kFormat));
  CHECK_FALSE(bench.page(good + "\xff", 1, kFormat));
  CHECK_FALSE(bench.page(std::string(20, '\xff'), 1, kFormat));
  CHECK_FALSE(bench.page("\xff\xff\xff\xff\x0f", 1, kFormat));  // 4 GiB
  const auto one = [](const Message& of) { return Message(of).bytes(4, Message()).delimited(); };
  CHECK_FALSE(bench.page(one(family("", kGauge)), 1, kFormat));
  CHECK_FALSE(bench.page(one(family("\xff", kGauge)), 1, kFormat));
  CHECK_FALSE(bench.page(one(family("g", 6)), 1, kFormat));
  CHECK_FALSE(bench.page(one(family("g", kGauge).bytes(5, "seconds")), 1, kFormat));
  CHECK(bench.page(one(family("g_seconds", kGauge).bytes(5, "seconds")), 1, kFormat));
  CHECK(bench.page(one(family("g_seconds_total", kCounter).bytes(5, "seconds")), 1, kFormat));
  CHECK_FALSE(
      bench.page(family("g", kGauge)
                     .bytes(4, Message().bytes(1, label("x", "1")).bytes(1, label("x", "2")))
                     .delimited(),
                 1, kFormat));
  CHECK_FALSE(
      bench.page(family("g", kGauge).bytes(4, Message().bytes(1, label("x", "\xff"))).delimited(),
                 1, kFormat));
  CHECK_FALSE(bench.page(family("g", kGauge).bytes(4, "\x08").delimited(), 1, kFormat));
  CHECK(bench.page(family("no metrics", 77).delimited(), 1, kFormat));
}
