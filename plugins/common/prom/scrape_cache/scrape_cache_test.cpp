#include "plugins/common/prom/scrape_cache/scrape_cache.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <doctest/doctest.h>

#include "plugins/common/prom/scrape_cache/cache_bench_test.h"

using namespace tailrace;
using namespace tailrace::common::prom;
using namespace std::string_literals;

namespace {

constexpr int64_t kMinute = 60'000;

TestRow row(const char* labels, int64_t timestamp, double value) {
  return {labels, timestamp, std::bit_cast<uint64_t>(value)};
}
TestRow gone(const char* labels, int64_t timestamp) {
  return {labels, timestamp, kStaleNan};
}
using Rows = std::vector<TestRow>;

}  // namespace

TEST_CASE("ScrapeCache: batches end between histograms, unless these are too large") {
  std::string page = "# TYPE h histogram\n";
  for (int i = 0; i < 30; ++i) {
    for (const char* const part :
         {"_bucket{le=\"1\",", "_bucket{le=\"+Inf\",", "_sum{", "_count{"}) {
      page += "h" + std::string(part) + "i=\"" + std::to_string(i) + "\"} 1\n";
    }
  }
  CacheBench bench;
  int64_t time = 0;
  const auto sizes = [&](uint32_t max_rows) {
    bench.cache.begin(PageFormat::text, ++time);
    REQUIRE(bench.cache.feed(page));
    REQUIRE(bench.cache.finish());
    std::vector<uint32_t> found;
    Arena arena;
    MetricBatch batch;
    while (bench.cache.take(batch, arena, max_rows)) {
      found.push_back(batch.size);
    }
    return found;
  };
  CHECK(sizes(42) == std::vector<uint32_t>{40, 40, 40});
  CHECK(sizes(64) == std::vector<uint32_t>{56, 56, 8});
  CHECK(sizes(11)[0] == 10);  // 8 would be a quarter less: an entry may need two rows
}

TEST_CASE("ScrapeCache: samples of a page, and of the same page again") {
  CacheBench bench;
  const std::string page =
      "# HELP a Things.\n# TYPE a counter\na{x=\"1\"} 1\na{x=\"2\"} 2.5\n\n# note\nb NaN\n";
  for (int64_t time = 1; time < 4; ++time) {
    REQUIRE(bench.page(page, time));
    CHECK(bench.rows == Rows{row("__name__=a;job=j;x=1;", time, 1),
                             row("__name__=a;job=j;x=2;", time, 2.5),
                             {"__name__=b;job=j;", time, kNormalNan}});
    CHECK(bench.families == std::vector<std::string>{"a Things.", "a Things.", ""});
    CHECK(bench.cache.counts().scraped == 3);
    CHECK(bench.cache.counts().post_relabel == 3);
    CHECK(bench.cache.counts().added == (time == 1 ? 3 : 0));
    CHECK(bench.bytes == page.size());
    CHECK(bench.cache.live_series() == 3);
  }
  CHECK(bench.maker.made == 3);  // once per series, not per sample
  CHECK(bench.most_rows <= 7);
}

TEST_CASE("ScrapeCache: values of all lengths, changed and not") {
  CacheBench bench;
  for (const std::string value :
       {"0", "1", "12345678", "123456789", "1234567890123456", "12345678901234567", "0.5", "-17.25",
        "1.7976931348623157e+308", "5e-324", "+Inf", "-Inf", "1.0000000000000002", "99999999",
        "00000012", "0.30000000000000004", "000000000000000000000000000001.5"}) {
    CAPTURE(value);
    for (int repeat = 0; repeat < 3; ++repeat) {
      // The second line gives the first one's value the room that the short way needs.
      REQUIRE(bench.page("a " + value + "\n# some more text, so that it is not the end\n", 1));
      REQUIRE(bench.rows.size() == 1);
      CHECK(bench.rows[0].number() == std::strtod(value.c_str(), nullptr));
    }
  }
}

TEST_CASE("ScrapeCache: what vanishes gets a stale marker, once") {
  CacheBench bench;
  REQUIRE(bench.page("a 1\nb 2\n", 10));
  REQUIRE(bench.page("b 3\n", 20));
  CHECK(bench.rows == Rows{gone("__name__=a;job=j;", 20), row("__name__=b;job=j;", 20, 3)});
  REQUIRE(bench.page("b 3\n", 30));
  CHECK(bench.rows == Rows{row("__name__=b;job=j;", 30, 3)});
  REQUIRE(bench.page("b 3\na 1\n", 40));
  CHECK(bench.cache.counts().added == 1);
  CHECK(bench.rows.size() == 2);
}

TEST_CASE("ScrapeCache: a page is taken as a whole or not at all") {
  CacheBench bench;
  REQUIRE(bench.page("a 1\nb 2\n", 10));
  CHECK_FALSE(bench.page("a 5\nc 6\nb x\n", 20));
  CHECK(bench.cache.error().kind == PageError::Kind::broken);
  CHECK(bench.cache.error().text.find("line 3") != std::string::npos);
  CHECK(bench.rows == Rows{gone("__name__=a;job=j;", 20), gone("__name__=b;job=j;", 20)});
  CHECK_FALSE(bench.page("a 5\n}\n", 30));
  CHECK(bench.rows.empty());
  REQUIRE(bench.page("a 7\nb 8\n", 40));
  CHECK(bench.rows == Rows{row("__name__=a;job=j;", 40, 7), row("__name__=b;job=j;", 40, 8)});
  CHECK(bench.cache.counts().added == 0);  // their texts were known all the time
}

TEST_CASE("ScrapeCache: a fetch that is given up, and a target that goes") {
  CacheBench bench;
  REQUIRE(bench.page("a 1\n", 10));
  bench.cache.begin(PageFormat::text, 20);
  CHECK(bench.cache.feed("a 2\nb"));
  bench.cache.abandon();
  CHECK_FALSE(bench.cache.feed("x 1\n"));
  bench.cache.stale(21);
  bench.take();
  CHECK(bench.rows == Rows{gone("__name__=a;job=j;", 21)});
  bench.cache.stale(22);
  bench.take();
  CHECK(bench.rows.empty());
}

TEST_CASE("ScrapeCache: an empty page is a good one, in every format") {
  for (const PageFormat format :
       {PageFormat::text, PageFormat::openmetrics, PageFormat::protobuf}) {
    CacheBench bench;
    REQUIRE(bench.page("a 1\n", 10));
    REQUIRE(bench.page("", 20, format));
    CHECK(bench.rows == Rows{gone("__name__=a;job=j;", 20)});
  }
}

TEST_CASE("ScrapeCache: relabeling drops, renames and makes two texts one series") {
  CacheBench bench;
  for (int64_t time = 1; time < 4; ++time) {
    REQUIRE(
        bench.page("drop_me 1\na{old=\"x\"} 2\na{new=\"x\"} 3\nb{p=\"1\",q=\"2\"} 4\n"
                   "b{q=\"2\",p=\"1\"} 5\ndrop_too{a=\"b\"} 1\n",
                   time));
    CHECK(bench.rows ==
          Rows{row("__name__=a;job=j;new=x;", time, 2), row("__name__=b;job=j;p=1;q=2;", time, 4)});
    CHECK(bench.cache.counts().scraped == 6);
    CHECK(bench.cache.counts().post_relabel == 4);
    CHECK(bench.cache.counts().duplicates == 2);
  }
  CHECK(bench.maker.made == 6);
  // The series lives on under its other text.
  REQUIRE(bench.page("b{q=\"2\",p=\"1\"} 6\n", 5));
  CHECK(bench.rows ==
        Rows{gone("__name__=a;job=j;new=x;", 5), row("__name__=b;job=j;p=1;q=2;", 5, 6)});
}

TEST_CASE("ScrapeCache: of a series that comes twice the first sample counts") {
  CacheBench bench;
  for (int64_t time = 1; time < 4; ++time) {
    REQUIRE(bench.page("a 1\na 2\nb 3\na 1\n", time));
    CHECK(bench.rows == Rows{row("__name__=a;job=j;", time, 1), row("__name__=b;job=j;", time, 3)});
    CHECK(bench.cache.counts().duplicates == 2);
    CHECK(bench.cache.counts().post_relabel == 4);
  }
}

TEST_CASE("ScrapeCache: explicit timestamps are kept, and owe no stale marker") {
  CacheBench bench;
  REQUIRE(bench.page("a 1 500\nb 2\n", 1000));
  CHECK(bench.rows == Rows{row("__name__=a;job=j;", 500, 1), row("__name__=b;job=j;", 1000, 2)});
  REQUIRE(bench.page("\n", 2000));
  CHECK(bench.rows == Rows{gone("__name__=b;job=j;", 2000)});

  // Without a timestamp first, then with one: the marker comes, unless the sample is not older.
  REQUIRE(bench.page("a 1\n", 3000));
  REQUIRE(bench.page("a 2 3500\n", 4000));
  CHECK(bench.rows == Rows{row("__name__=a;job=j;", 3500, 2), gone("__name__=a;job=j;", 4000)});
  REQUIRE(bench.page("a 1\n", 5000));
  REQUIRE(bench.page("a 2 6000\n", 6000));
  CHECK(bench.rows == Rows{row("__name__=a;job=j;", 6000, 2)});
}

TEST_CASE("ScrapeCache: several timestamps of one series in a page") {
  CacheBench bench;
  REQUIRE(bench.page("a 1 100\na 2 200\na 3 200\na 4 150\na 5 300\n", 1000));
  CHECK(bench.rows == Rows{row("__name__=a;job=j;", 100, 1), row("__name__=a;job=j;", 200, 2),
                           row("__name__=a;job=j;", 300, 5)});
  CHECK(bench.cache.counts().duplicates == 1);
  CHECK(bench.cache.counts().out_of_order == 1);
}

TEST_CASE("ScrapeCache: honor_timestamps, track_timestamps_staleness, the far future") {
  CacheBench off({.honor_timestamps = false});
  REQUIRE(off.page("a 1 500\n", 1000));
  CHECK(off.rows == Rows{row("__name__=a;job=j;", 1000, 1)});
  CHECK(off.cache.live_series() == 1);

  CacheBench track({.track_timestamps_staleness = true});
  REQUIRE(track.page("a 1 500\n", 1000));
  REQUIRE(track.page("b 1\n", 2000));
  CHECK(track.rows == Rows{gone("__name__=a;job=j;", 2000), row("__name__=b;job=j;", 2000, 1)});

  CacheBench future;
  REQUIRE(future.page("a 1 "s + std::to_string(1000 + 10 * kMinute) + "\nb 1 " +
                          std::to_string(1001 + 10 * kMinute) + "\n",
                      1000));
  CHECK(future.rows == Rows{row("__name__=a;job=j;", 1000 + 10 * kMinute, 1)});
  CHECK(future.cache.counts().out_of_bounds == 1);
}

TEST_CASE("ScrapeCache: pages cut at every byte give the same") {
  const std::string page =
      "# HELP a A \"quoted\" \\n help.\n# TYPE a histogram\na_bucket{le=\"1\"} 1\n"
      "a_bucket{le=\"+Inf\"} 17.5\na_sum 3\n\n  \nb{x=\"with \n two\n breaks \\\" \",y=\"z\n\"} 4\n"
      "c 0.30000000000000004 12345\nlast 9";
  CacheBench whole;
  REQUIRE(whole.page(page, 1));
  CHECK(whole.rows.size() == 6);
  for (size_t chunk = 1; chunk < page.size(); ++chunk) {
    CAPTURE(chunk);
    CacheBench cut;
    for (int repeat = 0; repeat < 2; ++repeat) {
      REQUIRE(cut.page(page, 1, PageFormat::text, chunk));
      REQUIRE(cut.rows == whole.rows);
      REQUIRE(cut.families == whole.families);
    }
  }
}

TEST_CASE("ScrapeCache: quotes that do not end, lines without end") {
  CacheBench bench;
  CHECK_FALSE(bench.page("a{x=\"1\n2\n3", 1));
  CHECK(bench.cache.error().kind == PageError::Kind::broken);
  CHECK_FALSE(bench.page("a{x=\"1\n2\n\"3\n", 1));
  CHECK_FALSE(bench.page("a{x=\"" + std::string(17 << 20, 'x'), 1, PageFormat::text, 1 << 16));
  CHECK(bench.cache.error().text.find("16 MiB") != std::string::npos);
  CHECK_FALSE(bench.page("a{x=\"" + std::string(17 << 20, '\n'), 1, PageFormat::text, 1 << 16));
  const std::string large(1 << 20, 'v');
  REQUIRE(bench.page("a{x=\"" + large + "\"} 1\n", 1, PageFormat::text, 1 << 14));
  CHECK(bench.rows.size() == 1);
  CHECK(bench.rows[0].labels.size() > large.size());
}

TEST_CASE("ScrapeCache: the type in force decides what le means, known text or not") {
  CacheBench bench;
  const std::string histogram = "# TYPE h histogram\nh_bucket{le=\"1\"} 1\n";
  const std::string gauge = "# TYPE h gauge\nh_bucket{le=\"1\"} 1\n";
  for (int64_t time = 1; time < 8; time += 2) {
    REQUIRE(bench.page(histogram, time));
    CHECK(bench.row("__name__=h_bucket;job=j;le=1.0;")->value != kStaleNan);
    REQUIRE(bench.page(gauge, time + 1));
    CHECK(bench.row("__name__=h_bucket;job=j;le=1.0;")->value == kStaleNan);
    CHECK(bench.row("__name__=h_bucket;job=j;le=1;")->value != kStaleNan);
  }
}

TEST_CASE("ScrapeCache: metadata that comes later, changes or goes") {
  CacheBench bench;
  REQUIRE(bench.page("a 1\nb 1\n", 1));
  CHECK(bench.families == std::vector<std::string>{"", ""});
  REQUIRE(bench.page("# HELP a One.\na 1\nb 1\n", 2));
  CHECK(bench.families == std::vector<std::string>{"a One.", ""});
  REQUIRE(bench.page("# HELP a Two.\na 1\nb 1\n", 3));
  CHECK(bench.families == std::vector<std::string>{"a Two.", ""});
  REQUIRE(bench.page("# HELP a One.\na 1\n# HELP b B.\nb 1\n", 4));
  CHECK(bench.families == std::vector<std::string>{"a One.", "b B."});
}

TEST_CASE("ScrapeCache: limits") {
  CacheBench samples({.sample_limit = 2});
  CHECK(samples.page("a 1\nb 2\ndrop_c 3\n", 1));
  CHECK_FALSE(samples.page("a 1\nb 2\nc 3\nd 4\ndrop_c 3\n", 2));
  CHECK(samples.cache.error().kind == PageError::Kind::sample_limit);
  CHECK(samples.cache.counts().scraped == 5);
  CHECK(samples.cache.counts().post_relabel == 4);
  CHECK(samples.rows.size() == 2);
  CHECK(samples.rows[0].value == kStaleNan);
  CHECK(samples.page("a 1\na 1\nb 1\n", 3));  // a duplicate is not appended

  CacheBench body({.body_size_limit = 8});
  CHECK(body.page("aa 123\n", 1));
  CHECK_FALSE(body.page("aa 1234\n", 1));
  CHECK(body.cache.error().kind == PageError::Kind::body_size);

  CacheBench labels({.label_limit = 3});  // __name__ and job count
  CHECK(labels.page("a{x=\"1\"} 1\n", 1));
  CHECK_FALSE(labels.page("a{x=\"1\",y=\"2\"} 1\n", 1));
  CHECK(labels.cache.error().kind == PageError::Kind::label_limit);
  CacheBench names({.label_name_length_limit = 8});
  CHECK(names.page("a{x2345678=\"1\"} 1\n", 1));
  CHECK_FALSE(names.page("a{x23456789=\"1\"} 1\n", 1));
  CacheBench values({.label_value_length_limit = 3});
  CHECK(values.page("abc{x=\"123\"} 1\n", 1));
  CHECK_FALSE(values.page("abc{x=\"1234\"} 1\n", 1));
}

TEST_CASE("ScrapeCache: what Prometheus refuses beyond the syntax") {
  CacheBench bench;
  CHECK_FALSE(bench.page("a{x=\"1\",x=\"2\"} 1\n", 1));
  CHECK(bench.cache.error().text.find("not unique") != std::string::npos);
  CHECK_FALSE(bench.page("a{__name__=\"b\"} 1\n", 1));
  CHECK_FALSE(bench.page("{\"\",x=\"1\"} 1\n", 1));
  CHECK_FALSE(bench.page("{\"\xff\"} 1\n", 1));
  CHECK(bench.page("{\"a b\",\"c d\"=\"e\"} 1\n", 1));
  CacheBench legacy({.legacy_names = true});
  CHECK_FALSE(legacy.page("{\"a b\"} 1\n", 1));
  CHECK_FALSE(legacy.page("{\"a\",\"c d\"=\"e\"} 1\n", 1));
  CHECK_FALSE(legacy.page("  a 1\n", 1));
  CHECK(legacy.page("a:b{c=\"d\"} 1\n", 1));
}

TEST_CASE("ScrapeCache: names that are the start of other names") {
  CacheBench bench;
  REQUIRE(bench.page("foo 1\nother 2\n", 1));
  REQUIRE(bench.page("foo_bar 1\nother 2\n", 2));
  CHECK(bench.row("__name__=foo_bar;job=j;") != nullptr);
  REQUIRE(bench.page("foo 1\nother 2\n", 3));
  REQUIRE(bench.page("foo {x=\"1\"} 7\nother 2\n", 4));
  CHECK(bench.row("__name__=foo;job=j;x=1;")->number() == 7);
  CHECK(bench.row("__name__=foo;job=j;")->value == kStaleNan);
  REQUIRE(bench.page("foo\t5\nother 2\n", 5));
  CHECK(bench.row("__name__=foo;job=j;")->number() == 5);
}

TEST_CASE("ScrapeCache: a NUL where a line begins is the end of the text format") {
  CacheBench bench;
  REQUIRE(bench.page("a 1\n\0garbage {{{\n"s, 1));
  CHECK(bench.rows.size() == 1);
}

TEST_CASE("ScrapeCache: OpenMetrics pages need their end") {
  CacheBench bench;
  const std::string page = "# TYPE a counter\n# HELP a x\na_total 1\n# EOF\n";
  for (size_t chunk : {size_t{1}, size_t{3}, size_t{17}, page.size()}) {
    REQUIRE(bench.page(page, 1, PageFormat::openmetrics, chunk));
    CHECK(bench.rows == Rows{row("__name__=a_total;job=j;", 1, 1)});
    CHECK(bench.families[0] == "a x");
  }
  CHECK(bench.page("a 1\n# EOF", 1, PageFormat::openmetrics));
  CHECK_FALSE(bench.page("a 1\n", 1, PageFormat::openmetrics));
  CHECK_FALSE(bench.page("a 1", 1, PageFormat::openmetrics));
  CHECK_FALSE(bench.page("a 1\n# EOF\n\n", 1, PageFormat::openmetrics));
  CHECK_FALSE(bench.page("a 1\n# EOF\n\n", 1, PageFormat::openmetrics, 1));
  CHECK_FALSE(bench.page("\n", 1, PageFormat::openmetrics));
}

TEST_CASE("ScrapeCache: exemplars travel once, with their own time or the sample's") {
  CacheBench bench;
  const auto page = [](const char* id) {
    return "a_total 1 # {id=\""s + id + "\",b=\"2\"} 0.5\nb_total 2 # {} 3 4.5\n# EOF\n";
  };
  REQUIRE(bench.page(page("x"), 1000, PageFormat::openmetrics));
  CHECK(bench.exemplars ==
        std::vector<std::string>{"__name__=a_total;job=j; # b=2 id=x 0.500000 1000",
                                 "__name__=b_total;job=j; # 3.000000 4500"});
  REQUIRE(bench.page(page("x"), 2000, PageFormat::openmetrics));
  CHECK(bench.exemplars.empty());
  REQUIRE(bench.page(page("y"), 3000, PageFormat::openmetrics));
  CHECK(bench.exemplars.size() == 1);
  REQUIRE(bench.page(page(std::string(200, 'z').c_str()), 4000, PageFormat::openmetrics));
  CHECK(bench.exemplars.empty());  // too long, as OpenMetrics has it
}

TEST_CASE("ScrapeCache: _created lines tell since when their family's samples count") {
  CacheBench bench;
  const std::string page =
      "# TYPE a counter\na_total{x=\"1\"} 5\na_created{x=\"1\"} 1.5\na_total{x=\"2\"} 6\n"
      "# TYPE h histogram\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_count 2\nh_sum 3\n"
      "h_created 7\n# TYPE g gauge\ng 1\n# EOF\n";
  for (int64_t time = 1; time < 3; ++time) {
    REQUIRE(bench.page(page, time, PageFormat::openmetrics));
    CHECK(bench.created == std::vector<int64_t>{1500, 0, 0, 7000, 7000, 7000, 7000, 0, 0});
  }
}

TEST_CASE("ScrapeCache: changing the format keeps the series") {
  CacheBench bench;
  REQUIRE(bench.page("a{x=\"1\"} 1\n", 1));
  REQUIRE(bench.page("{\"a\",x=\"1\"} 2\n# EOF\n", 2, PageFormat::openmetrics));
  CHECK(bench.rows == Rows{row("__name__=a;job=j;x=1;", 2, 2)});
  // What the text format takes is not good for OpenMetrics because it is known.
  REQUIRE(bench.page("a { x=\"1\" } 1\n", 3));
  CHECK_FALSE(bench.page("a { x=\"1\" } 1\n# EOF\n", 4, PageFormat::openmetrics));
}

TEST_CASE("ScrapeCache: a value is the one before only if nothing is behind it") {
  CacheBench bench;
  const std::string end = "# some text, so that the short way is taken\n";
  REQUIRE(bench.page("a 1\n" + end, 1));
  REQUIRE(bench.page("a 1\n" + end, 2));
  CHECK_FALSE(bench.page("a 1\0\n"s + end, 3));
}

TEST_CASE("ScrapeCache: memory is given back when a page changes its shape every time") {
  CacheBench bench;
  const auto page = [](int generation) {
    std::string text;
    for (int i = 0; i < 5000; ++i) {
      text += "metric_" + std::to_string(generation) + "{label=\"" + std::to_string(i) + "\"} 1\n";
    }
    return "# HELP metric_" + std::to_string(generation) + " Help.\n" + text;
  };
  size_t most = 0;
  for (int generation = 0; generation < 40; ++generation) {
    REQUIRE(bench.page(page(generation), generation));
    CHECK(bench.rows.size() == (generation == 0 ? 5000 : 10000));
    if (generation == 5) {
      most = bench.cache.bytes();
    }
    if (generation > 5) {
      CHECK(bench.cache.bytes() <= most + most / 8);
    }
  }
  CHECK(bench.cache.entries() == 5001);
}

TEST_CASE("ScrapeCache: pages that fail with new series each time do not fill the memory") {
  CacheBench bench;
  REQUIRE(bench.page("a 1\n", 1));
  for (int generation = 0; generation < 50; ++generation) {
    std::string text;
    for (int i = 0; i < 500; ++i) {
      text += "m" + std::to_string(generation) + "{l=\"" + std::to_string(i) + "\"} 1\n";
    }
    CHECK_FALSE(bench.page(text + "}\n", generation + 2));
    CHECK(bench.cache.entries() <= 2500);
  }
  REQUIRE(bench.page("a 1\n", 100));
  CHECK(bench.rows == Rows{row("__name__=a;job=j;", 100, 1)});
}
