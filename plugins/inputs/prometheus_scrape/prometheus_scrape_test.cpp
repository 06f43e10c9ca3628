// Scrapes: what is asked, what is handed over, what fails, what waits.

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

std::string up(const char* name = "up") {
  return std::string(name) + "{instance=a:80,job=app}";
}

std::string page_of(int series) {
  std::string page;
  for (int i = 0; i < series; ++i) {
    page += "many{i=\"" + std::to_string(i) + "\"} " + std::to_string(i) + "\n";
  }
  return page;
}

std::string with(const char* option) {
  return std::string(kOneTarget) + "    " + option + "\n";
}

}  // namespace

TEST_CASE("prometheus_scrape: samples and reports of every scrape, one interval apart") {
  ScrapeBench bench(kOneTarget);
  bench.set_page(kTargetUrl, "a_metric 1\nb_metric{x=\"y\"} 2.5\n");
  bench.start();
  bench.advance(5s);
  const auto& samples = bench.of("b_metric{instance=a:80,job=app,x=y}");
  REQUIRE(samples.size() == 5);
  for (size_t i = 1; i < samples.size(); ++i) {
    CHECK(samples[i].timestamp - samples[i - 1].timestamp == 1000);
    CHECK(std::bit_cast<double>(samples[i].value) == 2.5);
  }
  CHECK(bench.of(up()).size() == 5);
  CHECK(bench.of(up())[0].timestamp == samples[0].timestamp);
  CHECK(bench.last(up()) == 1);
  CHECK(bench.last(up("scrape_samples_scraped")) == 2);
  CHECK(bench.last(up("scrape_samples_post_metric_relabeling")) == 2);
  CHECK(std::bit_cast<double>(bench.of(up("scrape_series_added"))[0].value) == 2);
  CHECK(bench.last(up("scrape_series_added")) == 0);
  CHECK(bench.of(up("scrape_timeout_seconds")).empty());
  CHECK(bench.count("scrapes_total") == 5);
  CHECK(bench.count("scrape_samples_total") == 10);
  bench.input().update_gauges();
  CHECK(bench.count("scrape_targets", "up") == 1);
  CHECK(bench.count("scrape_series") == 2);
}

TEST_CASE("prometheus_scrape: asks as Prometheus does") {
  ScrapeBench bench(R"(
scrape_configs:
  - job_name: app
    scrape_interval: 1s
    metrics_path: /probe
    params: {module: [http_2xx]}
    static_configs: [{targets: ["a:80"]}]
)");
  bench.set_page("http://a:80/probe?module=http_2xx", "x 1\n");
  bench.start();
  bench.advance(1s);
  REQUIRE(!bench.server.seen.empty());
  const auto& seen = bench.server.seen[0];
  CHECK(seen.url == "http://a:80/probe?module=http_2xx");
  CHECK(
      header_of(seen.headers, "Accept").starts_with("application/openmetrics-text;version=1.0.0"));
  CHECK(header_of(seen.headers, "Accept-Encoding") == "gzip");
  CHECK(header_of(seen.headers, "X-Prometheus-Scrape-Timeout-Seconds") == "1");
  CHECK(bench.last(up()) == 1);
}

TEST_CASE("prometheus_scrape: a failed scrape is told with its reason") {
  struct Case {
    CallResult answer;
    const char* reason;
  };
  CallResult late;
  late.transport = fail(ErrorCode::timeout, "no answer within 500 ms");
  const Case cases[] = {
      {FakeServer::no_connection(), "network"},
      {late, "timeout"},
      {FakeServer::status(503, "busy"), "status"},
      {FakeServer::status(200, "x 1\n"), "content_type"},
      {FakeServer::status(200, "<html>", {{"content-type", "text/html"}}), "content_type"},
      {FakeServer::status(200, "x 1\nno value\n", {{"content-type", "text/plain"}}), "page"},
  };
  for (const Case& one : cases) {
    INFO(one.reason);
    ScrapeBench bench(kOneTarget);
    bench.pages[kTargetUrl] = one.answer;
    bench.start();
    bench.advance(1s);
    CHECK(bench.of(up()).size() == 1);
    CHECK(bench.last(up()) == 0);
    CHECK(bench.of("x{instance=a:80,job=app}").empty());
    CHECK(bench.count("scrapes_failed_total", one.reason) == 1);
    CHECK(bench.count("scrapes_failed_total") == 1);
    const auto rows = bench.input().targets();
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].pool == "app");
    CHECK(rows[0].url == kTargetUrl);
    CHECK(rows[0].health == "down");
    CHECK_FALSE(rows[0].last_error.empty());
  }
}

TEST_CASE("prometheus_scrape: targets are told as they are, dropped ones too") {
  ScrapeBench bench(R"(
scrape_configs:
  - job_name: app
    scrape_interval: 1s
    scrape_timeout: 500ms
    static_configs: [{targets: ["a:80", "b:80"], labels: {zone: z}}]
    relabel_configs: [{source_labels: [__address__], regex: "b.*", action: drop}]
    metric_relabel_configs: [{source_labels: [__name__], regex: two, action: drop}]
)");
  bench.set_page(kTargetUrl, "one 1\ntwo 2\n");
  bench.start();
  auto rows = bench.input().targets();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].health == "unknown");
  CHECK(rows[0].last_scrape_ns == 0);
  bench.advance(2s);
  rows = bench.input().targets();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].health == "up");
  CHECK(rows[0].last_error.empty());
  CHECK(rows[0].labels == TargetStatus::Pairs{{"instance", "a:80"}, {"job", "app"}, {"zone", "z"}});
  CHECK(rows[0].last_scrape_ns ==
        bench.of("up{instance=a:80,job=app,zone=z}")[1].timestamp * 1'000'000);
  CHECK(rows[0].interval_seconds == 1);
  CHECK(rows[0].timeout_seconds == 0.5);
  CHECK(rows[0].samples == 2);
  CHECK(rows[0].samples_after_relabel == 1);
  CHECK(rows[1].dropped);
  CHECK(rows[1].pool == "app");
}

TEST_CASE("prometheus_scrape: limits make a scrape fail as a whole") {
  struct Case {
    const char* option;
    const char* reason;
    double scraped;
  };
  const Case cases[] = {{"sample_limit: 2", "sample_limit", 3},
                        {"body_size_limit: 20B", "body_size", 0},
                        {"label_limit: 2", "label_limit", 1},
                        {"label_value_length_limit: 3", "label_limit", 1},
                        {"target_limit: 1", "", 0}};
  for (const Case& one : cases) {
    INFO(one.option);
    ScrapeBench bench(with(one.option));
    bench.set_page(kTargetUrl, "one{l=\"x\"} 1\ntwo{l=\"x\"} 2\nthree{l=\"x\"} 3\n");
    bench.start();
    bench.advance(1s);
    const bool fails = *one.reason != '\0';
    CHECK(bench.last(up()) == (fails ? 0 : 1));
    CHECK(bench.of("one{instance=a:80,job=app,l=x}").size() == (fails ? 0 : 1));
    if (fails) {
      CHECK(bench.count("scrapes_failed_total", one.reason) == 1);
      CHECK(bench.last(up("scrape_samples_scraped")) == one.scraped);
    }
  }
}

TEST_CASE("prometheus_scrape: more targets than target_limit fail all, without being asked") {
  ScrapeBench bench(R"(
scrape_configs:
  - job_name: app
    scrape_interval: 1s
    target_limit: 1
    static_configs: [{targets: ["a:80", "b:80"]}]
)");
  bench.start();
  bench.advance(1s);
  CHECK(bench.server.seen.empty());
  CHECK(bench.last(up()) == 0);
  CHECK(bench.count("scrapes_failed_total", "target_limit") == 2);
}

TEST_CASE("prometheus_scrape: extra_scrape_metrics adds three reports") {
  ScrapeBench bench(with("extra_scrape_metrics: true\n    sample_limit: 7"));
  bench.set_page(kTargetUrl, "one 1\n");
  bench.start();
  bench.advance(1s);
  CHECK(bench.last(up("scrape_timeout_seconds")) == 0.5);
  CHECK(bench.last(up("scrape_sample_limit")) == 7);
  CHECK(bench.last(up("scrape_body_size_bytes")) == 6);
  ScrapeBench limited(with("extra_scrape_metrics: true\n    body_size_limit: 3B"));
  limited.set_page(kTargetUrl, "one 1\n");
  limited.start();
  limited.advance(1s);
  CHECK(limited.last(up("scrape_body_size_bytes")) == -1);
}

TEST_CASE("prometheus_scrape: failures are written to scrape_failure_log_file") {
  testkit::TempFolder folder;
  const std::string path = folder.path("failures.log");
  ScrapeBench bench(with(("scrape_failure_log_file: " + path).c_str()));
  bench.set_page(kTargetUrl, "one\n");
  bench.start();
  bench.advance(3s);
  std::ifstream file(path);
  std::string line;
  int lines = 0;
  while (std::getline(file, line)) {
    ++lines;
    CHECK(line.starts_with("{\"time\":\"20"));
    CHECK(line.ends_with(",\"job_name\":\"app\",\"target\":\"http://a:80/metrics\"}"));
    CHECK(line.find("\"level\":\"ERROR\",\"msg\":\"") != std::string::npos);
  }
  CHECK(lines == 3);
}

TEST_CASE(
    "prometheus_scrape: a target that hangs keeps nobody waiting, and is asked once at a time") {
  ScrapeBench bench(R"(
scrape_configs:
  - job_name: app
    scrape_interval: 1s
    scrape_timeout: 1s
    static_configs: [{targets: ["a:80", "hanging:80"]}]
)");
  bench.set_page(kTargetUrl, "one 1\n");
  bench.start();
  bench.advance(10s);
  CHECK(bench.of(up()).size() == 10);
  size_t asked = 0;
  for (const auto& seen : bench.server.seen) {
    asked += seen.url == "http://hanging:80/metrics" ? 1 : 0;
  }
  CHECK(asked == 1);
  CHECK(bench.count("scrapes_skipped_total", "under_way") == 9);
}

TEST_CASE("prometheus_scrape: without room scrapes are skipped; a page that was read waits") {
  ScrapeBench bench(kOneTarget);
  bench.set_page(kTargetUrl, "one 1\n");
  bench.start();
  bench.advance(2s);
  CHECK(bench.of(up()).size() == 2);
  bench.test_feed().credit_for = 1;  // enough to begin a scrape, not to hand it over
  bench.advance(1s);
  CHECK(bench.of(up()).size() == 2);
  bench.test_feed().has_credit = false;
  bench.advance(3s);
  CHECK(bench.count("scrapes_skipped_total", "no_credit") == 3);
  CHECK(bench.server.seen.size() == 3);
  bench.test_feed().credit_for = SIZE_MAX;
  bench.give_credit();
  REQUIRE(bench.of(up()).size() == 3);
  CHECK(bench.of(up())[2].timestamp - bench.of(up())[1].timestamp == 1000);
  CHECK(bench.of("one{instance=a:80,job=app}").size() == 3);
  bench.advance(1s);
  REQUIRE(bench.of(up()).size() == 4);
  CHECK(bench.of(up())[3].timestamp - bench.of(up())[2].timestamp == 4000);
}

TEST_CASE("prometheus_scrape: a failure finds its way when there is room again") {
  ScrapeBench bench(kOneTarget);
  bench.set_page(kTargetUrl, "one 1\n");
  bench.start();
  bench.advance(1s);
  bench.pages[kTargetUrl] = FakeServer::no_connection();
  bench.test_feed().credit_for = 1;
  bench.advance(1s);
  CHECK(bench.last(up()) == 1);
  bench.test_feed().credit_for = SIZE_MAX;
  bench.give_credit();
  CHECK(bench.last(up()) == 0);
  CHECK(bench.ends_stale("one{instance=a:80,job=app}"));
}

TEST_CASE("prometheus_scrape: a large page goes out in units, over several turns") {
  constexpr int kSeries = 50'000;
  ScrapeBench bench(kOneTarget);
  bench.set_page(kTargetUrl, page_of(kSeries));
  bench.start();
  bench.advance(1s);
  CHECK(bench.test_feed().samples.size() == kSeries + 5);
  CHECK(bench.test_feed().units > kSeries / 16'384);
  CHECK(bench.last("many{i=49999,instance=a:80,job=app}") == 49999);
  CHECK(bench.last(up("scrape_samples_scraped")) == kSeries);
  bench.advance(1s);
  CHECK(bench.of("many{i=7,instance=a:80,job=app}").size() == 2);
}

TEST_CASE("prometheus_scrape: memory has a limit") {
  ScrapeBench bench(kOneTarget);
  bench.set_page(kTargetUrl, page_of(10));
  bench.start();
  bench.advance(1s);
  CHECK(bench.last(up()) == 1);
  const size_t small = bench.test_memory().used;
  CHECK(small > 0);
  bench.test_memory().limit = small + 200'000;
  bench.set_page(kTargetUrl, page_of(100'000));
  bench.advance(1s);
  CHECK(bench.last(up()) == 0);
  CHECK(bench.count("scrapes_failed_total", "memory") == 1);
  CHECK(bench.ends_stale("many{i=7,instance=a:80,job=app}"));
  bench.set_page(kTargetUrl, page_of(10));
  bench.test_memory().limit = 1 << 30;
  bench.advance(1s);
  CHECK(bench.last(up()) == 1);
}

TEST_CASE("prometheus_scrape: once scrapes each target once, at once") {
  const char* const yaml = R"(
scrape_configs:
  - job_name: app
    static_configs: [{targets: ["a:80", "b:80"]}]
  - job_name: nothing
)";
  ScrapeBench bench(yaml, {}, true);
  bench.set_page(kTargetUrl, "one 1\n");
  bench.start();
  bench.advance(100ms);
  CHECK(bench.of(up()).size() == 1);
  CHECK_FALSE(bench.is_finished());  // b hangs
  ScrapeBench second(yaml, {}, true);
  second.set_page(kTargetUrl, "one 1\n");
  second.pages["http://b:80/metrics"] = FakeServer::no_connection();
  second.start();
  second.advance(100ms);
  CHECK(second.is_finished());
  CHECK(second.of("up{instance=b:80,job=app}").size() == 1);
  second.advance(5min);
  CHECK(second.of(up()).size() == 1);
}

TEST_CASE("prometheus_scrape: two lanes share the targets between them") {
  std::string yaml =
      "scrape_configs:\n  - job_name: app\n    scrape_interval: 1s\n"
      "    static_configs: [{targets: [";
  for (int i = 0; i < 40; ++i) {
    yaml += "\"t" + std::to_string(i) + ":80\", ";
  }
  yaml += "]}]\n";
  size_t series = 0;
  for (const uint32_t lane : {0u, 1u}) {
    ScrapeBench bench(yaml, {}, false, lane, 2);
    for (int i = 0; i < 40; ++i) {
      bench.set_page("http://t" + std::to_string(i) + ":80/metrics", "one 1\n");
    }
    bench.start();
    bench.advance(1s);
    CHECK(bench.test_feed().samples.size() > 6 * 8);
    series += bench.test_feed().samples.size();
  }
  CHECK(series == 40 * 6);
}

TEST_CASE("prometheus_scrape: stops without another word") {
  ScrapeBench bench(kOneTarget);
  bench.set_page(kTargetUrl, "one 1\n");
  bench.start();
  bench.advance(3s);
  const size_t asked = bench.server.seen.size();
  bench.input().stop();
  bench.advance(10s);
  CHECK(bench.server.seen.size() == asked);
  CHECK_FALSE(bench.ends_stale("one{instance=a:80,job=app}"));
}
