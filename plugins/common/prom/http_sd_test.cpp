#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "plugins/common/prom/discovery_test.h"
#include "plugins/common/prom/sd_options.h"

namespace tailrace::common::prom {
namespace {

using namespace std::chrono_literals;
using testkit::FakeServer;

HttpSdConfig a_config() {
  HttpSdConfig config;
  config.url = "http://sd/targets";
  return config;
}

CallResult json(std::string body, std::string type = "application/json; charset=utf-8") {
  return FakeServer::status(200, std::move(body), {{"content-type", std::move(type)}});
}

TEST_CASE("http_sd: asks as Prometheus does, and keeps asking") {
  DiscoveryBench bench;
  std::string answer = R"([{"targets": ["a:1"], "labels": {"x": "y"}}, {"targets": ["b:1"]}])";
  bench.server.behaviour = [&](const FakeServer::Seen&) { return std::optional(json(answer)); };
  const HttpSdConfig config = a_config();
  Followed followed(bench, config);
  CHECK(followed.told == 0);
  bench.lane.turn();
  CHECK(followed.told == 1);
  CHECK(followed.addresses() == "a:1 b:1 ");
  CHECK(followed.groups["http://sd/targets:0"].labels ==
        LabelPairs{{"x", "y"}, {"__meta_url", "http://sd/targets"}});
  REQUIRE(bench.server.seen.size() == 1);
  const Headers& headers = bench.server.seen[0].headers;
  CHECK(headers[0] == std::pair<std::string, std::string>("Accept", "application/json"));
  CHECK(headers.back() ==
        std::pair<std::string, std::string>("X-Prometheus-Refresh-Interval-Seconds", "60"));

  answer = R"([{"targets": ["c:1"]}])";
  bench.lane.advance(59s);
  CHECK(followed.told == 1);
  bench.lane.advance(2s);
  CHECK(followed.addresses() == "c:1 ");
  CHECK(followed.told == 2);
  bench.lane.advance(61s);
  CHECK(bench.server.seen.size() == 3);
  CHECK(followed.told == 2);  // nothing new
}

TEST_CASE("http_sd: whatever goes wrong, the groups stay as they were") {
  DiscoveryBench bench;
  std::optional<CallResult> answer = json(R"([{"targets": ["a:1"]}])");
  bench.server.behaviour = [&](const FakeServer::Seen&) { return answer; };
  const HttpSdConfig config = a_config();
  Followed followed(bench, config);
  bench.lane.turn();
  uint64_t failures = 0;
  for (const auto& bad :
       {FakeServer::no_connection(), FakeServer::status(500, "[]"), json("[{\"targets\": ["),
        json("[]", "text/html"), json("[null]"), FakeServer::status(404)}) {
    answer = bad;
    bench.lane.advance(61s);
    CHECK(bench.failures("http") == ++failures);
    CHECK(followed.addresses() == "a:1 ");
  }
  answer = json("[]", "Application/JSON");
  bench.lane.advance(61s);
  CHECK(followed.addresses().empty());
  CHECK(bench.failures("http") == failures);
}

TEST_CASE("http_sd: a failure at first is told, too, so that nobody waits") {
  DiscoveryBench bench;
  bench.server.behaviour = [](const FakeServer::Seen&) {
    return std::optional(FakeServer::no_connection());
  };
  const HttpSdConfig config = a_config();
  Followed followed(bench, config);
  bench.lane.turn();
  CHECK(followed.told == 1);
  CHECK(followed.groups.empty());
}

TEST_CASE("http_sd: a hanging server is given up when it is time to ask again") {
  DiscoveryBench bench;
  bench.server.hangs = true;
  const HttpSdConfig config = a_config();
  Followed followed(bench, config);
  bench.lane.advance(61s);
  CHECK(bench.failures("http") >= 1);
  bench.server.hangs = false;
  bench.server.behaviour = [](const FakeServer::Seen&) {
    return std::optional(json(R"([{"targets": ["a:1"]}])"));
  };
  bench.lane.advance(61s);
  CHECK(followed.addresses() == "a:1 ");
}

}  // namespace
}  // namespace tailrace::common::prom
