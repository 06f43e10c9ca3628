// Where series end, and what is told of gaps.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "plugins/inputs/prometheus_scrape/scrape_bench_test.h"
#include "testkit/temp_folder.h"

using namespace tailrace;
using namespace tailrace::inputs::prometheus_scrape::test;
using namespace std::chrono_literals;
using testkit::FakeServer;

namespace {

const std::string kSeries = "one{instance=a:80,job=app}";
const std::string kUp = "up{instance=a:80,job=app}";

}  // namespace

TEST_CASE("prometheus_scrape: a series that vanishes ends at the scrape that misses it") {
  ScrapeBench bench(kOneTarget);
  bench.set_page(kTargetUrl, "one 1\ntwo 2\n");
  bench.start();
  bench.advance(2s);
  bench.set_page(kTargetUrl, "two 2\n");
  bench.advance(2s);
  REQUIRE(bench.of(kSeries).size() == 3);
  CHECK(bench.ends_stale(kSeries));
  CHECK(bench.of(kSeries)[2].timestamp == bench.of(kUp)[2].timestamp);
  CHECK(bench.last(kUp) == 1);
  bench.set_page(kTargetUrl, "one 3\ntwo 2\n");
  bench.advance(1s);
  CHECK(bench.last(kSeries) == 3);
}

TEST_CASE("prometheus_scrape: a failed scrape ends all series, once, but not its reports") {
  ScrapeBench bench(kOneTarget);
  bench.set_page(kTargetUrl, "one 1\n");
  bench.start();
  bench.advance(2s);
  bench.pages[kTargetUrl] = FakeServer::status(500);
  bench.advance(3s);
  REQUIRE(bench.of(kSeries).size() == 3);
  CHECK(bench.ends_stale(kSeries));
  CHECK(bench.of(kUp).size() == 5);
  CHECK(bench.last(kUp) == 0);
  bench.set_page(kTargetUrl, "one 1\n");
  bench.advance(1s);
  CHECK(bench.last(kSeries) == 1);
  CHECK(bench.last(kUp) == 1);
}

TEST_CASE("prometheus_scrape: a page that breaks half-way ends what there was before") {
  ScrapeBench bench(kOneTarget);
  bench.set_page(kTargetUrl, "one 1\n");
  bench.start();
  bench.advance(1s);
  bench.set_page(kTargetUrl, "one 2\nthree 3\n}{\n");
  bench.advance(1s);
  CHECK(bench.ends_stale(kSeries));
  CHECK(bench.of("three{instance=a:80,job=app}").empty());
  CHECK(bench.last(kUp) == 0);
}

TEST_CASE("prometheus_scrape: a removed target ends at the scrape it would have had next") {
  testkit::TempFolder folder;
  const std::string path = folder.path("targets.json");
  const auto write = [&path](const char* text) {
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
  };
  const std::string yaml =
      "scrape_configs:\n  - job_name: app\n    scrape_interval: 1s\n"
      "    file_sd_configs: [{files: [\"" +
      path + "\"], refresh_interval: 1s}]\n";
  write(R"([{"targets": ["a:80", "b:80"]}])");
  ScrapeBench bench(yaml);
  bench.set_page(kTargetUrl, "one 1\n");
  bench.set_page("http://b:80/metrics", "one 1\n");
  bench.start();
  bench.advance(5s);
  REQUIRE(bench.of(kSeries).size() >= 3);
  write(R"([{"targets": ["b:80"]}])");
  bench.advance(20s);
  const auto& samples = bench.of(kSeries);
  const auto& ups = bench.of(kUp);
  CHECK(bench.ends_stale(kSeries));
  CHECK(bench.ends_stale(kUp));
  CHECK(samples.back().timestamp - samples[samples.size() - 2].timestamp == 1000);
  CHECK(ups.back().timestamp == samples.back().timestamp);
  CHECK(bench.last("one{instance=b:80,job=app}") == 1);
  CHECK(bench.input().targets().size() == 1);
  const size_t asked = bench.server.seen.size();

  // It comes back as if it were new.
  write(R"([{"targets": ["a:80", "b:80"]}])");
  bench.advance(10s);
  CHECK(bench.last(kSeries) == 1);
  CHECK(bench.server.seen.size() > asked);
}

TEST_CASE("prometheus_scrape: after a restart the gap of each target is told, once") {
  Rows rows;
  {
    ScrapeBench bench(kOneTarget);
    bench.set_page(kTargetUrl, "one 1\n");
    bench.start();
    bench.advance(20s);
    CHECK(bench.count("scrape_gap_seconds_count") == 0);
    // Killed: nothing more is written. At most every five seconds, so that it costs nothing.
    CHECK(bench.test_checkpoints().writes >= 3);
    CHECK(bench.test_checkpoints().writes <= 4);
    rows = bench.test_checkpoints().rows;
  }
  REQUIRE(rows.size() == 1);
  ScrapeBench next(kOneTarget, rows);
  next.set_page(kTargetUrl, "one 1\n");
  next.lane().advance(10min);  // down for so long after the first run's start
  next.start();
  next.advance(5s);
  CHECK(next.count("scrape_gap_max_seconds") > 10 * 60 - 20);
  CHECK(next.count("scrape_gap_max_seconds") < 10 * 60 + 1);
}

TEST_CASE("prometheus_scrape: gaps survive another number of lanes; a strange row is left alone") {
  Rows rows;
  {
    ScrapeBench bench(kOneTarget);
    bench.set_page(kTargetUrl, "one 1\n");
    bench.start();
    bench.advance(10s);
    bench.input().stop();
    rows = bench.test_checkpoints().rows;
  }
  REQUIRE(rows.size() == 1);
  rows["last_scrapes/7"] = rows.begin()->second;
  rows["last_scrapes/0"] = "garbage";
  ScrapeBench next(kOneTarget, rows);
  next.set_page(kTargetUrl, "one 1\n");
  next.lane().advance(60s);
  next.start();
  next.advance(10s);
  CHECK(next.count("scrape_gap_max_seconds") > 45);
  CHECK(next.test_checkpoints().rows.size() == 1);
  CHECK(next.test_checkpoints().rows["last_scrapes/0"] != "garbage");
}
