#include <doctest/doctest.h>

#include "admin/admin_server.h"
#include "admin/json_text.h"
#include "admin/prometheus_text.h"
#include "testkit/manual_lane.h"

using namespace tailrace;
using namespace std::chrono_literals;

namespace {

struct PlayedExchange final : HttpExchange {
  explicit PlayedExchange(std::string method, std::string path) {
    request.method = std::move(method);
    request.path = std::move(path);
  }
  const HttpRequestHead& head() const noexcept override { return request; }
  void reply(int code, Headers given, std::string text) override {
    CHECK(status == 0);
    status = code;
    headers = std::move(given);
    body = std::move(text);
  }
  bool replied() const noexcept override { return status != 0; }
  HttpRequestHead request;
  int status = 0;
  Headers headers;
  std::string body;
};

struct Bench {
  using Done = std::function<void(std::vector<pipeline::LaneSnapshot>)>;

  Bench() {
    pipeline::LaneSnapshot lane_picture;
    delivery::Ledger::Row row;
    row.input = "pods";
    row.pipeline = "logs";
    row.output = "loki";
    row.taken = {10, 100};
    row.delivered = {7, 70};
    row.waiting[1] = {3, 30};
    lane_picture.ledger.push_back(row);
    SourceStatus source;
    source.name = "/var/log/\"odd\"\n\xff.log";
    source.position = 5;
    source.size = 9;
    source.state = "reading";
    lane_picture.sources.emplace_back("pods", source);
    lane_picture.complaints.emplace_back("loki", "does not take requests: http_503");
    picture = {lane_picture, lane_picture};
    REQUIRE(server.listen(
        "127.0.0.1:0",
        [this](const HttpServerConfig&, HttpHandler& given) -> Result<std::unique_ptr<HttpServer>> {
          handler = &given;
          return std::unique_ptr<HttpServer>();
        }));
  }
  std::shared_ptr<PlayedExchange> ask(std::string path, std::string method = "GET") {
    auto exchange = std::make_shared<PlayedExchange>(std::move(method), std::move(path));
    if (handler->on_head(exchange) != 0) {
      handler->on_body(exchange, Bytes(), 0);
    }
    lane.turn();
    return exchange;
  }

  testkit::ManualLane lane;
  MetricsRegistry registry;
  std::vector<pipeline::LaneSnapshot> picture;
  bool lanes_answer = true;
  pipeline::SnapshotDetail asked = pipeline::SnapshotDetail::usual;
  Done waiting;
  admin::AdminServer server{lane, registry, [this](pipeline::SnapshotDetail detail, Done done) {
                              asked = detail;
                              if (lanes_answer) {
                                done(picture);
                              } else {
                                waiting = std::move(done);
                              }
                            }};
  HttpHandler* handler = nullptr;
};

}  // namespace

TEST_CASE("AdminServer: ready once the config runs, and not while stopping") {
  Bench bench;
  CHECK(bench.ask("/readyz")->status == 503);
  bench.server.set_state(admin::AdminServer::State::running);
  const auto ready = bench.ask("/readyz");
  CHECK(ready->status == 200);
  CHECK(ready->body == "running\noutput loki: does not take requests: http_503\n");
  bench.server.set_state(admin::AdminServer::State::stopping);
  CHECK(bench.ask("/readyz")->status == 503);
}

TEST_CASE("AdminServer: healthy while lanes answer, 503 when one does not") {
  Bench bench;
  CHECK(bench.ask("/healthz")->status == 200);
  bench.lanes_answer = false;
  const auto stuck = bench.ask("/healthz");
  CHECK(stuck->status == 0);
  bench.lane.advance(5s);
  CHECK(stuck->status == 503);
  bench.waiting(bench.picture);  // too late, and must do nothing
  bench.lane.turn();
  CHECK(stuck->status == 503);
}

TEST_CASE("AdminServer: the ledger adds lanes up") {
  Bench bench;
  const auto ledger = bench.ask("/api/v1/ledger");
  CHECK(ledger->status == 200);
  CHECK(ledger->body.find(R"("balanced":true)") != std::string::npos);
  CHECK(ledger->body.find(R"("taken":{"records":20,"bytes":200})") != std::string::npos);
  CHECK(ledger->body.find(R"("waiting":{"records":6,"bytes":60})") != std::string::npos);
}

TEST_CASE("AdminServer: a strange path is escaped in the list of files") {
  Bench bench;
  const auto files = bench.ask("/api/v1/files");
  CHECK(files->body.find(R"("path":"/var/log/\"odd\"\n�.log")") != std::string::npos);
  CHECK(files->body.find(R"("lag_bytes":4)") != std::string::npos);
}

TEST_CASE("AdminServer: other paths are not found, other methods not allowed") {
  Bench bench;
  CHECK(bench.ask("/config")->status == 404);
  CHECK(bench.ask("/metrics", "POST")->status == 405);
  CHECK(bench.ask("/")->body.find("<title>tailrace</title>") != std::string::npos);
}

TEST_CASE("AdminServer: metrics are Prometheus text, with those of the process") {
  Bench bench;
  bench.registry.scope(0, {{"component", "a\"b\\c\nd"}})
      .counter("records_total", "With a \\ and\na line end.")
      .add(3);
  bench.registry.scope(0, {}).histogram("seconds", "Time.", {0.5, 1}).observe(0.7);
  const std::string text = bench.ask("/metrics")->body;
  CHECK(text.find("# HELP tailrace_records_total With a \\\\ and\\na line end.\n"
                  "# TYPE tailrace_records_total counter\n"
                  "tailrace_records_total{component=\"a\\\"b\\\\c\\nd\"} 3\n") !=
        std::string::npos);
  CHECK(text.find("tailrace_seconds_bucket{le=\"0.5\"} 0\n"
                  "tailrace_seconds_bucket{le=\"1\"} 1\n"
                  "tailrace_seconds_bucket{le=\"+Inf\"} 1\n"
                  "tailrace_seconds_sum 0.7\n"
                  "tailrace_seconds_count 1\n") != std::string::npos);
  CHECK(text.find("\nprocess_resident_memory_bytes ") != std::string::npos);
  CHECK(text.find("tailrace_build_info{version=") != std::string::npos);
}

TEST_CASE("AdminServer: targets in the shape of Prometheus's API, each lane's own") {
  Bench bench;
  TargetStatus up;
  up.pool = "node";
  up.discovered_labels = {{"__address__", "b:1"}, {"__meta_x", "\"y\""}};
  up.labels = {{"instance", "b:1"}, {"job", "node"}};
  up.url = "http://b:1/metrics";
  up.health = "up";
  up.last_scrape_ns = 1'767'322'445'120'000'000;
  up.last_duration_seconds = 0.0125;
  up.interval_seconds = 90;
  up.timeout_seconds = 0.5;
  up.samples = 400;
  up.samples_after_relabel = 390;
  TargetStatus fresh = up;
  fresh.pool = "api v2";
  fresh.health = "unknown";
  fresh.last_scrape_ns = 0;
  fresh.gap_seconds = 12.5;
  TargetStatus gone;
  gone.pool = "node";
  gone.dropped = true;
  gone.dropped_more = 4;
  gone.discovered_labels = {{"__address__", "c:1"}};
  bench.picture[0].targets = {{"scrape", up}, {"scrape", gone}};
  bench.picture[1].targets = {{"scrape", fresh}};

  const std::string all = bench.ask("/api/v1/targets")->body;
  CHECK(bench.asked == pipeline::SnapshotDetail::targets);
  const std::string shown_up =
      R"({"discoveredLabels":{"__address__":"b:1","__meta_x":"\"y\""},)"
      R"("labels":{"instance":"b:1","job":"node"},"scrapePool":"node",)"
      R"("scrapeUrl":"http://b:1/metrics","globalUrl":"http://b:1/metrics","lastError":"",)"
      R"("lastScrape":"2026-01-02T02:54:05.12Z","lastScrapeDuration":0.0125,"health":"up",)"
      R"("scrapeInterval":"1m30s","scrapeTimeout":"500ms","input":"scrape","lastSamples":400,)"
      R"("lastSamplesPostMetricRelabeling":390})";
  CHECK(all.starts_with(R"({"status":"success","data":{"activeTargets":[{"discovered)"));
  CHECK(all.find(shown_up + "]") != std::string::npos);  // the last one: sorted by job
  CHECK(all.find(R"("lastScrape":"0001-01-01T00:00:00Z")") != std::string::npos);
  CHECK(all.find(R"("lastSamplesPostMetricRelabeling":390,"restartGap":12.5})") !=
        std::string::npos);
  CHECK(all.ends_with(
      R"("droppedTargets":[{"discoveredLabels":{"__address__":"c:1"},"scrapePool":"node",)"
      R"("input":"scrape"}],"droppedTargetCounts":{"api v2":0,"node":5}}})"));

  const auto ask = [&bench](std::string query) {
    auto exchange = std::make_shared<PlayedExchange>("GET", "/api/v1/targets");
    exchange->request.query = std::move(query);
    bench.handler->on_body(exchange, Bytes(), 0);
    bench.lane.turn();
    return exchange->body;
  };
  CHECK(ask("state=active").find("__address__\":\"c:1") == std::string::npos);
  CHECK(ask("state=dropped").find("b:1") == std::string::npos);
  const std::string one = ask("x&scrapePool=api+v%32");
  CHECK(one.find("\"scrapePool\":\"api v2\"") != std::string::npos);
  CHECK(one.find("node\",\"scrapeUrl") == std::string::npos);
}

TEST_CASE("JsonText: nested values, commas and escapes") {
  admin::JsonText json;
  json.open('{').key("a").open('[').value(uint64_t{1}).value("x\"\\\x01").open('{').close('}');
  json.close(']').key("b").value(true).key("c").value(0.5).close('}');
  CHECK(json.take() == R"({"a":[1,"x\"\\\u0001",{}],"b":true,"c":0.5})");
}
