// Rows on the engine: pages as a whole, order per series.

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "testkit/crash_fs.h"
#include "testkit/engine_bench.h"
#include "tests/contract/plugins.h"

using namespace tailrace;
using namespace std::chrono_literals;
using testkit::EngineBench;
using testkit::FakeServer;

namespace {

const char* const kRowsConfig = R"(
inputs:
  pages: {type: rows, urls: ["http://target/a"], every: 1s, max_rows: 100}
outputs:
  store: {type: rows, url: "http://store/", shards: 4, batch: {bytes: 1KiB, linger: 100ms},
          retry: {min_backoff: 100ms, max_backoff: 1s}}
pipelines:
  p: {inputs: [pages], outputs: [store]}
)";

const char* const kTwoLanes = R"(
agent: {lanes: 2}
inputs:
  pages: {type: rows, urls: ["http://target/a", "http://target/b", "http://target/c"], every: 1s}
outputs:
  store: {type: rows, url: "http://store/", shards: 4, batch: {bytes: 1KiB, linger: 100ms},
          spool_after: {live: 2s}, retry: {min_backoff: 100ms, max_backoff: 1s}}
pipelines:
  p: {inputs: [pages], outputs: [store]}
)";

/// Targets whose pages have a number that grows with each fetch, and a store that answers as told.
struct Scene {
  int fetches = 0;
  std::string page;  // if set, that of every target
  std::function<std::optional<CallResult>(const FakeServer::Seen&)> store =
      [](const FakeServer::Seen&) { return FakeServer::status(204); };

  FakeServer::Behaviour behaviour() {
    return [this](const FakeServer::Seen& seen) -> std::optional<CallResult> {
      if (seen.url == "http://store/") {
        return store(seen);
      }
      return FakeServer::status(200, page.empty() ? numbered_page(seen.url.back()) : page);
    };
  }
  std::string numbered_page(char target) {
    ++fetches;
    std::string text;
    for (int i = 0; i < 20; ++i) {
      text += std::string(1, target) + "{series=\"" + std::to_string(i) + "\"} " +
              std::to_string(fetches) + "\n";
    }
    return text;
  }
};

testkit::EngineBenchOptions with(Scene& scene) {
  testkit::EngineBenchOptions options;
  options.behaviour = scene.behaviour();
  return options;
}

/// What the store took: the values of each series, in the order in which they came.
std::map<std::string, std::vector<int>> stored(const FakeServer& server) {
  std::map<std::string, std::vector<int>> series;
  for (const auto& seen : server.seen) {
    if (seen.url != "http://store/" || seen.answered / 100 != 2) {
      continue;
    }
    std::istringstream body(seen.body);
    std::string name;
    double value;
    int64_t timestamp;
    while (body >> name >> value >> timestamp) {
      series[name].push_back(static_cast<int>(value));
    }
  }
  return series;
}

void check_rising(const std::map<std::string, std::vector<int>>& series) {
  for (const auto& one : series) {
    INFO("series " << one.first);
    CHECK(std::is_sorted(one.second.begin(), one.second.end()));
  }
}

}  // namespace

TEST_CASE("rows: every series keeps its order over retries, with shards and two lanes") {
  testkit::CrashFs disk;
  Scene scene;
  int calls = 0;
  scene.store = [&calls](const FakeServer::Seen&) {
    ++calls;
    return calls % 3 == 0   ? FakeServer::status(503)
           : calls % 7 == 0 ? FakeServer::no_connection()
                            : FakeServer::status(204);
  };
  EngineBench bench(kTwoLanes, contract::plugins(), disk, with(scene));
  bench.advance(20s);
  CHECK(bench.server().most_in_flight > 1);  // else there is no order to lose
  CHECK(bench.stop(10s));
  const auto series = stored(bench.server());
  CHECK(series.size() == 60);
  check_rising(series);
  size_t values = 0;
  for (const auto& [name, of_series] : series) {
    values += of_series.size();
  }
  const auto row = bench.row("pages", "p", "store");
  CHECK(row.delivered.records == values);
  CHECK(row.taken.records == row.delivered.records + testkit::waiting_of(row).records);
  CHECK(bench.metric("output_retries_total") > 10);
}

TEST_CASE("rows: a page with a broken row is refused as a whole, and the next one is taken") {
  testkit::CrashFs disk;
  Scene scene;
  scene.page = "good 1\ngood 2\nbad\ngood 3\n";
  EngineBench bench(kRowsConfig, contract::plugins(), disk, with(scene));
  CHECK(bench.row("pages", "p", "store").taken == Weight{});
  CHECK(bench.metric("rows_pages_total", {{"reason", "invalid"}}) == 1);
  CHECK(bench.metric("input_lost_records_total", {{"reason", "invalid"}}) == 1);
  scene.page = "good 1\ngood 2\n";
  bench.advance(1s);
  scene.page = "good 1\nunfinished 2";
  bench.advance(1s);
  CHECK(bench.metric("rows_pages_total", {{"result", "refused"}}) == 2);
  REQUIRE(bench.settle());
  CHECK(stored(bench.server())["good"] == std::vector<int>{1, 2});
  CHECK(stored(bench.server()).size() == 1);
}

TEST_CASE("rows: a page with too many rows is refused as a whole") {
  testkit::CrashFs disk;
  Scene scene;
  for (int i = 0; i < 101; ++i) {
    scene.page += "s" + std::to_string(i) + " 1\n";
  }
  EngineBench bench(kRowsConfig, contract::plugins(), disk, with(scene));
  bench.advance(3s);
  CHECK(bench.metric("rows_pages_total", {{"reason", "limit"}}) >= 3);
  CHECK(bench.row("pages", "p", "store").taken == Weight{});
}

TEST_CASE("rows: a page is skipped and counted while an output has no room") {
  testkit::CrashFs disk;
  Scene scene;
  scene.store = [](const FakeServer::Seen&) { return FakeServer::no_connection(); };
  for (int i = 0; i < 100; ++i) {
    scene.page += "s" + std::to_string(i) + std::string(500, 'x') + " 1\n";
  }
  EngineBench bench(R"(
inputs:
  pages: {type: rows, urls: ["http://target/a"], every: 100ms}
outputs:
  store: {type: rows, url: "http://store/", buffer: {memory: 2MiB, disk: 128KiB},
          batch: {bytes: 64KiB, linger: 100ms}, retry: {max_backoff: 1s}}
pipelines:
  p: {inputs: [pages], outputs: [store]}
)",
                    contract::plugins(), disk, with(scene));
  REQUIRE(bench.until([&] {
    return bench.metric("rows_pages_total", {{"reason", "no_credit"}}) >= 3;
  }));
  const auto row = bench.row("pages", "p", "store");
  CHECK(row.taken.records % 100 == 0);  // whole pages only
  CHECK(row.dropped.records == 0);
  CHECK(bench.metric("input_lost_records_total", {{"reason", "no_credit"}}) >= 300);
  CHECK(bench.metric("output_buffer_memory_bytes") <= 2 << 20);

  scene.store = [](const FakeServer::Seen&) { return FakeServer::status(204); };
  const double accepted = bench.metric("rows_pages_total", {{"result", "accepted"}});
  REQUIRE(bench.until([&] {
    return bench.metric("rows_pages_total", {{"result", "accepted"}}) > accepted + 3;
  }));
}

TEST_CASE("rows: a request that is too large is cut, a row that is too large alone is refused") {
  testkit::CrashFs disk;
  Scene scene;
  scene.store = [](const FakeServer::Seen& seen) {
    return FakeServer::status(seen.body.size() > 100 ? 413 : 204);
  };
  for (int i = 0; i < 30; ++i) {
    scene.page += "s" + std::to_string(i) + " " + std::to_string(i) + "\n";
  }
  scene.page += "huge" + std::string(200, 'x') + " 1\n";
  EngineBench bench(kRowsConfig, contract::plugins(), disk, with(scene));
  bench.advance(100ms);
  REQUIRE(bench.until([&] { return bench.row("pages", "p", "store").refused.records == 1; }));
  REQUIRE(bench.until([&] { return bench.row("pages", "p", "store").delivered.records == 30; }));
  CHECK(stored(bench.server()).size() == 30);
  CHECK(bench.metric("output_refused_records_total", {{"reason", "row_too_large"}}) == 1);
}

TEST_CASE("rows: a kill loses at most what was not spooled yet, and the rest arrives in order") {
  testkit::CrashFs disk;
  Scene scene;
  scene.store = [](const FakeServer::Seen&) { return FakeServer::no_connection(); };
  uint64_t taken = 0;
  {
    EngineBench bench(kTwoLanes, contract::plugins(), disk, with(scene));
    REQUIRE(bench.until([&] {
      const auto row = bench.row("pages", "p", "store");
      return row.waiting[static_cast<size_t>(delivery::Stage::spooled)].records >= 300;
    }));
    const auto row = bench.row("pages", "p", "store");
    taken = row.waiting[static_cast<size_t>(delivery::Stage::spooled)].records;
    bench.kill();
  }
  scene.store = [](const FakeServer::Seen&) { return FakeServer::status(204); };
  EngineBench bench(kTwoLanes, contract::plugins(), disk, with(scene));
  CHECK(bench.row("pages", "p", "store").found.records >= taken);
  bench.advance(5s);
  REQUIRE(bench.until([&] { return bench.metric("output_spool_requests") == 0; }));
  const auto row = bench.row("pages", "p", "store");
  CHECK(row.delivered.records >= row.found.records);
  check_rising(stored(bench.server()));
}
