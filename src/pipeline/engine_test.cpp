#include <algorithm>
#include <map>
#include <set>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "delivery/test_hooks.h"
#include "testkit/crash_fs.h"
#include "testkit/engine_bench.h"
#include "testkit/line_plugins.h"
#include "testkit/temp_folder.h"

using namespace tailrace;
using namespace std::chrono_literals;
using testkit::append_lines;
using testkit::EngineBench;
using testkit::FakeServer;
using testkit::line_plugins;
using testkit::numbered;
using testkit::taken_lines;

namespace {

const std::string kOne = "http://one/";
const std::string kTwo = "http://two/";

/// Files to read and the agent's disk; both outlive the agent.
struct World {
  testkit::TempFolder folder;
  testkit::CrashFs disk;
  std::string path(const std::string& name) const { return folder.path(name); }
};

/// An answer for each URL; what is not named gets 204.
FakeServer::Behaviour by_url(std::map<std::string, std::optional<CallResult>> answers) {
  return [answers = std::move(answers)](const FakeServer::Seen& seen) {
    const auto at = answers.find(seen.url);
    return at == answers.end() ? FakeServer::status(204) : at->second;
  };
}

/// Lines of about a kilobyte.
std::vector<std::string> many_long_lines(const std::string& mark, int count) {
  std::vector<std::string> lines = numbered(mark, count);
  for (std::string& line : lines) {
    line += std::string(1000, 'x');
  }
  return lines;
}

bool contains_all(const std::vector<std::string>& lines, const std::vector<std::string>& wanted) {
  const std::set<std::string> have(lines.begin(), lines.end());
  return std::ranges::all_of(wanted, [&](const auto& line) { return have.contains(line); });
}

}  // namespace

TEST_CASE("Engine: what an input reads arrives at every output of its pipelines, once") {
  World world;
  append_lines(world.path("a"), numbered("a", 500));
  EngineBench bench(fmt::format(R"(
inputs:
  files: {{type: lines, paths: ["{}"]}}
outputs:
  one: {{type: words, url: "{}"}}
  two: {{type: words, url: "{}"}}
pipelines:
  p: {{inputs: [files], outputs: [one, two]}}
)",
                                world.path("a"), kOne, kTwo),
                    line_plugins(), world.disk);
  REQUIRE(bench.settle());
  CHECK(taken_lines(bench.server(), kOne) == numbered("a", 500));
  CHECK(taken_lines(bench.server(), kTwo) == numbered("a", 500));
  CHECK(bench.row("files", "p", "one").delivered.records == 500);
  CHECK(bench.row("files", "p", "two").delivered.records == 500);
  CHECK(bench.metric("input_records_total", {{"component", "files"}}) == 500);
  CHECK(bench.metric("output_delivered_records_total", {{"component", "one"}}) == 500);
  CHECK(bench.stop());
}

TEST_CASE("Engine: processors run in order, and what they leave out is booked as filtered") {
  World world;
  append_lines(world.path("a"), {"keep 1", "lose 2", "keep 3", "lose 4"});
  EngineBench bench(fmt::format(R"(
inputs:
  files: {{type: lines, paths: ["{}"]}}
processors:
  keep: {{type: keep, containing: keep}}
  mark: {{type: suffix, text: "!"}}
  marked: {{type: keep, containing: "!"}}
outputs:
  one: {{type: words, url: "{}"}}
pipelines:
  p: {{inputs: [files], processors: [keep, mark, marked], outputs: [one]}}
)",
                                world.path("a"), kOne),
                    line_plugins(), world.disk);
  REQUIRE(bench.settle());
  CHECK(taken_lines(bench.server(), kOne) == std::vector<std::string>{"keep 1!", "keep 3!"});
  const auto row = bench.row("files", "p", "one");
  CHECK(row.filtered == Weight{2, 14});
  CHECK(row.delivered == Weight{2, 14});
}

TEST_CASE("Engine: pipelines of one input do not see each other's edits") {
  World world;
  append_lines(world.path("a"), {"x1", "y2", "x3"});
  EngineBench bench(fmt::format(R"(
inputs:
  files: {{type: lines, paths: ["{}"]}}
processors:
  x: {{type: keep, containing: x}}
  y: {{type: keep, containing: y}}
  mark: {{type: suffix, text: "!"}}
outputs:
  one: {{type: words, url: "{}"}}
  two: {{type: words, url: "{}"}}
pipelines:
  a: {{inputs: [files], processors: [x, mark], outputs: [one]}}
  b: {{inputs: [files], outputs: [two]}}
  c: {{inputs: [files], processors: [y, mark], outputs: [one]}}
)",
                                world.path("a"), kOne, kTwo),
                    line_plugins(), world.disk);
  REQUIRE(bench.settle());
  CHECK(taken_lines(bench.server(), kOne) == std::vector<std::string>{"x1!", "x3!", "y2!"});
  CHECK(taken_lines(bench.server(), kTwo) == std::vector<std::string>{"x1", "y2", "x3"});
  CHECK(bench.row("files", "a", "one").taken.records == 3);
  CHECK(bench.row("files", "c", "one").filtered.records == 2);
  CHECK(bench.metric("input_records_total", {{"component", "files"}}) == 3);
}

TEST_CASE("Engine: inputs have the memory that outputs do not ask for, and a quarter at least") {
  const auto input_memory = [](const char* buffer) {
    World world;
    EngineBench bench(fmt::format(R"(
agent: {{memory_limit: 224MiB}}
inputs:
  files: {{type: lines, paths: ["{}"]}}
outputs:
  one: {{type: words, url: "{}", buffer: {{memory: {}}}}}
  two: {{type: words, url: "{}", buffer: {{memory: 20MiB}}}}
pipelines:
  p: {{inputs: [files], outputs: [one, two]}}
)",
                                  world.path("a"), kOne, buffer, kTwo),
                      line_plugins(), world.disk);
    return std::pair(bench.metric("input_memory_limit_bytes"),
                     bench.metric("output_buffer_memory_limit_bytes", {{"component", "one"}}) +
                         bench.metric("output_buffer_memory_limit_bytes", {{"component", "two"}}));
  };
  constexpr double kPool = 200 << 20;  // 20 MiB are the agent's, 4 the lane's
  const auto [much, little_asked] = input_memory("30MiB");
  CHECK(much == kPool - (50 << 20));
  CHECK(little_asked == 50 << 20);
  const auto [least, much_asked] = input_memory("1GiB");
  CHECK(least == kPool / 4);
  CHECK(much_asked <= kPool * 3 / 4);
}

TEST_CASE("Engine: an output that hangs does not delay the other one") {
  World world;
  EngineBench bench(fmt::format(R"(
inputs:
  files: {{type: lines, paths: ["{}"], block: 65536}}
outputs:
  one: {{type: words, url: "{}", batch: {{bytes: 64KiB, linger: 100ms}},
        buffer: {{memory: 4MiB, disk: 1GiB}}}}
  two: {{type: words, url: "{}", batch: {{bytes: 64KiB, linger: 100ms}}}}
pipelines:
  p: {{inputs: [files], outputs: [one, two]}}
)",
                                world.path("a"), kOne, kTwo),
                    line_plugins(), world.disk);
  bench.server().behaviour = by_url({{kOne, std::nullopt}});
  const auto lines = many_long_lines("a", 12'000);
  append_lines(world.path("a"), lines);  // three times the memory of the output that hangs
  REQUIRE(bench.until(
      [&] { return bench.row("files", "p", "two").delivered.records == lines.size(); }));
  CHECK(taken_lines(bench.server(), kTwo) == lines);
  CHECK(bench.metric("output_buffer_memory_bytes", {{"component", "one"}}) <= 4 << 20);
  CHECK(bench.metric("output_spooled_requests_total", {{"component", "one"}}) > 100);
  CHECK(bench.row("files", "p", "one").delivered.records == 0);
  CHECK(bench.metric("output_spooled_requests_total", {{"component", "two"}}) == 0);
}

TEST_CASE("Engine: an output that hangs and drops what is oldest does not delay the other one") {
  World world;
  EngineBench bench(fmt::format(R"(
inputs:
  files: {{type: lines, paths: ["{}"], block: 65536}}
outputs:
  one: {{type: words, url: "{}", batch: {{bytes: 64KiB, linger: 100ms}},
        buffer: {{memory: 4MiB, disk: 0, when_full: drop_oldest}}}}
  two: {{type: words, url: "{}", batch: {{bytes: 64KiB, linger: 100ms}}}}
pipelines:
  p: {{inputs: [files], outputs: [one, two]}}
)",
                                world.path("a"), kOne, kTwo),
                    line_plugins(), world.disk);
  bench.server().behaviour = by_url({{kOne, std::nullopt}});
  const auto lines = many_long_lines("a", 12'000);
  append_lines(world.path("a"), lines);
  REQUIRE(bench.until(
      [&] { return bench.row("files", "p", "two").delivered.records == lines.size(); }));
  CHECK(taken_lines(bench.server(), kTwo) == lines);
  CHECK(bench.row("files", "p", "two").dropped.records == 0);
  CHECK(bench.row("files", "p", "one").dropped.records > 5000);
  CHECK(bench.metric("output_buffer_memory_bytes", {{"component", "one"}}) <= 4 << 20);
}

TEST_CASE(
    "Engine: a full memory and a full disk stop the input, and it goes on when there is room") {
  World world;
  EngineBench bench(fmt::format(R"(
inputs:
  files: {{type: lines, paths: ["{}"], block: 65536}}
outputs:
  one: {{type: words, url: "{}", batch: {{bytes: 64KiB, linger: 100ms}},
        buffer: {{memory: 4MiB, disk: 2MiB}}, retry: {{max_backoff: 1s}}}}
pipelines:
  p: {{inputs: [files], outputs: [one]}}
)",
                                world.path("a"), kOne),
                    line_plugins(), world.disk);
  bench.server().behaviour = by_url({{kOne, FakeServer::no_connection()}});
  const auto lines = many_long_lines("a", 12'000);
  append_lines(world.path("a"), lines);
  REQUIRE(bench.until([&] { return bench.metric("input_backpressure_total") > 0; }));
  bench.advance(30s);
  CHECK(bench.row("files", "p", "one").taken.records < 8000);
  CHECK(bench.row("files", "p", "one").dropped.records == 0);
  CHECK(bench.metric("output_buffer_memory_bytes", {{"component", "one"}}) <= 4 << 20);

  bench.server().behaviour = by_url({});
  REQUIRE(bench.until(
      [&] { return bench.row("files", "p", "one").delivered.records == lines.size(); }));
  CHECK(taken_lines(bench.server(), kOne) == lines);
  REQUIRE(bench.until([&] {
    return bench.metric("output_spool_requests", {{"component", "one"}}) == 0;
  }));
}

TEST_CASE("Engine: a disk that is full while there is budget stops the input, too") {
  World world;
  world.disk.set_capacity(1 << 20);
  EngineBench bench(fmt::format(R"(
inputs:
  files: {{type: lines, paths: ["{}"], block: 65536}}
outputs:
  one: {{type: words, url: "{}", batch: {{bytes: 64KiB, linger: 100ms}},
        buffer: {{memory: 4MiB, disk: 1GiB}}, retry: {{max_backoff: 1s}}}}
pipelines:
  p: {{inputs: [files], outputs: [one]}}
)",
                                world.path("a"), kOne),
                    line_plugins(), world.disk);
  bench.server().behaviour = by_url({{kOne, FakeServer::no_connection()}});
  const auto lines = many_long_lines("a", 10'000);
  append_lines(world.path("a"), lines);
  REQUIRE(bench.until([&] { return bench.metric("input_backpressure_total") > 0; }));
  REQUIRE(bench.until([&] { return bench.metric("output_spool_failing") == 1; }));
  CHECK(bench.row("files", "p", "one").taken.records < lines.size());
  CHECK(bench.metric("output_buffer_memory_bytes", {{"component", "one"}}) <= 4 << 20);

  // Room on the disk is enough: the server stays away.
  world.disk.set_capacity(1 << 30);
  REQUIRE(
      bench.until([&] { return bench.row("files", "p", "one").taken.records == lines.size(); }));
  CHECK(bench.row("files", "p", "one").dropped.records == 0);
  bench.server().behaviour = by_url({});
  REQUIRE(bench.settle());
  CHECK(taken_lines(bench.server(), kOne) == lines);
}

TEST_CASE("Engine: two lanes share one output's memory, and each file keeps its order") {
  World world;
  std::string paths;
  std::map<std::string, std::vector<std::string>> written;
  size_t count = 0;
  for (int i = 0; i < 6; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    paths += (i == 0 ? "\"" : ", \"") + world.path(name) + "\"";
    written[name] = many_long_lines(name, 2000);
    count += written[name].size();
    append_lines(world.path(name), written[name]);
  }
  testkit::EngineBenchOptions options;
  options.behaviour = by_url({{kOne, FakeServer::no_connection()}});
  EngineBench bench(fmt::format(R"(
agent: {{lanes: 2}}
inputs:
  files: {{type: lines, paths: [{}], block: 65536}}
outputs:
  one: {{type: words, url: "{}", batch: {{bytes: 64KiB, linger: 100ms}},
        buffer: {{memory: 4MiB, disk: 2MiB}}, retry: {{max_backoff: 1s}}}}
pipelines:
  p: {{inputs: [files], outputs: [one]}}
)",
                                paths, kOne),
                    line_plugins(), world.disk, options);
  REQUIRE(bench.until([&] { return bench.metric("input_backpressure_total") >= 1; }));
  bench.advance(5s);
  CHECK(bench.row("files", "p", "one").taken.records < count);
  CHECK(bench.metric("output_buffer_memory_bytes") <= 4 << 20);
  size_t calls = 0;
  bench.server().behaviour = [&calls](const FakeServer::Seen&) {
    return FakeServer::status(++calls % 7 == 0 ? 503 : 204);
  };
  REQUIRE(bench.until([&] { return bench.row("files", "p", "one").delivered.records == count; }));
  std::map<std::string, std::vector<std::string>> taken;
  for (const std::string& line : taken_lines(bench.server(), kOne)) {
    taken[line.substr(0, 1)].push_back(line);
  }
  for (const auto& file : written) {
    INFO("file " << file.first);
    CHECK(taken[file.first] == file.second);
  }
  CHECK(bench.metric("output_buffer_memory_bytes") <= 4 << 20);
}

TEST_CASE("Engine: a stop spools the rest, and the next run finds and delivers it first") {
  World world;
  const std::string config = fmt::format(R"(
inputs:
  files: {{type: lines, paths: ["{}"]}}
outputs:
  one: {{type: words, url: "{}", batch: {{bytes: 4KiB}}}}
pipelines:
  p: {{inputs: [files], outputs: [one]}}
)",
                                         world.path("a"), kOne);
  append_lines(world.path("a"), numbered("a", 3000));
  {
    testkit::EngineBenchOptions options;
    options.behaviour = by_url({{kOne, FakeServer::status(503)}});
    EngineBench bench(config, line_plugins(), world.disk, options);
    REQUIRE(bench.until([&] { return bench.row("files", "p", "one").taken.records == 3000; }));
    CHECK(bench.stop());
    CHECK(bench.row("files", "p", "one").waiting[4].records == 3000);
  }
  append_lines(world.path("a"), numbered("a", 10, 3000));
  EngineBench bench(config, line_plugins(), world.disk);
  const auto row = bench.row("files", "p", "one");
  CHECK(row.found.records == 3000);
  REQUIRE(bench.settle());
  CHECK(taken_lines(bench.server(), kOne) == numbered("a", 3010));
  CHECK(bench.row("files", "p", "one").taken.records == 10);
  REQUIRE(bench.until([&] { return bench.metric("output_spool_requests") == 0; }));
  CHECK(bench.stop());

  EngineBench last(config, line_plugins(), world.disk);
  last.advance(2s);
  CHECK(last.server().seen.empty());
}

TEST_CASE("Engine: with two lanes each file keeps its order over a stop and a start") {
  World world;
  std::string paths;
  std::map<std::string, std::vector<std::string>> written;
  for (int i = 0; i < 6; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    paths += (i == 0 ? "\"" : ", \"") + world.path(name) + "\"";
    written[name] = numbered(name, 600);
    append_lines(world.path(name), written[name]);
  }
  // The second time the disk holds a part of the rest only: what is not durable is read again, and
  // nothing is durable that came after it.
  for (const char* disk : {"1GiB", "40KiB"}) {
    CAPTURE(std::string(disk));
    testkit::CrashFs files;
    const std::string config = fmt::format(R"(
agent: {{lanes: 2}}
inputs:
  files: {{type: lines, paths: [{}], block: 2048}}
outputs:
  one: {{type: words, url: "{}", batch: {{bytes: 1KiB}}, buffer: {{disk: {}}}}}
pipelines:
  p: {{inputs: [files], outputs: [one]}}
)",
                                           paths, kOne, disk);
    std::map<std::string, std::vector<std::string>> taken;
    for (const bool works : {false, true}) {
      testkit::EngineBenchOptions options;
      if (!works) {
        options.behaviour = by_url({{kOne, FakeServer::no_connection()}});
      }
      EngineBench bench(config, line_plugins(), files, options);
      if (!works) {
        REQUIRE(bench.until([&] { return bench.row("files", "p", "one").taken.records >= 3000; }));
        CHECK(bench.stop());
        continue;
      }
      REQUIRE(bench.until(
          [&] { return taken_lines(bench.server(), kOne).size() >= 3600 && bench.settle(); }));
      for (const std::string& line : taken_lines(bench.server(), kOne)) {
        taken[line.substr(0, 1)].push_back(line);
      }
    }
    for (const auto& file : written) {
      INFO("file " << file.first);
      CHECK(taken[file.first] == file.second);
    }
  }
}

TEST_CASE("Engine: after a kill at any moment everything arrives, repeats byte for byte") {
  for (int moment = 0; moment < 12; ++moment) {
    CAPTURE(moment);
    World world;
    const std::string config = fmt::format(R"(
inputs:
  files: {{type: lines, paths: ["{}"], block: 256}}
outputs:
  one: {{type: words, url: "{}", batch: {{bytes: 1KiB, linger: 20ms}},
        spool_after: {{rereadable: 50ms}}, retry: {{min_backoff: 10ms, max_backoff: 50ms}}}}
pipelines:
  p: {{inputs: [files], outputs: [one]}}
)",
                                           world.path("a"), kOne);
    std::vector<std::string> taken;
    int written = 0;
    for (int run = 0; run < 4; ++run) {
      EngineBench bench(config, line_plugins(), world.disk);
      int calls = 0;
      bench.server().behaviour = [&](const FakeServer::Seen&) -> std::optional<CallResult> {
        ++calls;
        return calls % 3 == 0   ? FakeServer::status(503)
               : calls % 5 == 0 ? FakeServer::no_connection()
                                : FakeServer::status(204);
      };
      for (int step = 0; step < 3 + (moment * 5 + run * 7) % 11; ++step) {
        append_lines(world.path("a"), numbered("line ", 20, written));
        written += 20;
        bench.advance(std::chrono::milliseconds(7 + moment));
        bench.lane().wait_for_post(1ms);
      }
      if (run == 3) {
        REQUIRE(bench.settle());
      } else {
        bench.kill();
      }
      for (auto& line : taken_lines(bench.server(), kOne)) {
        taken.push_back(std::move(line));
      }
    }
    CHECK(contains_all(taken, numbered("line ", written)));
    const auto expected = numbered("line ", written);
    const std::set<std::string> known(expected.begin(), expected.end());
    CHECK(std::ranges::all_of(taken, [&](const auto& line) { return known.contains(line); }));
  }
}

TEST_CASE("Engine: once finishes when everything is read and delivered, on all lanes") {
  World world;
  std::string paths;
  for (int i = 0; i < 5; ++i) {
    const std::string path = world.path(std::to_string(i));
    paths += (i == 0 ? "\"" : ", \"") + path + "\"";
    append_lines(path, numbered("a", 100));
  }
  testkit::EngineBenchOptions options;
  options.once = true;
  options.behaviour = by_url({{kOne, FakeServer::status(503)}});
  EngineBench bench(fmt::format(R"(
agent: {{lanes: 2}}
inputs:
  files: {{type: lines, paths: [{}]}}
outputs:
  one: {{type: words, url: "{}", retry: {{max_backoff: 1s}}}}
pipelines:
  p: {{inputs: [files], outputs: [one]}}
)",
                                paths, kOne),
                    line_plugins(), world.disk, options);
  bench.advance(5s);
  CHECK(!bench.finished());
  bench.server().behaviour = by_url({});
  REQUIRE(bench.until([&] { return bench.finished(); }));
  CHECK(taken_lines(bench.server(), kOne).size() == 500);
  CHECK(bench.engine().records_given_up() == 0);
  CHECK(bench.stop());
}

#ifdef TAILRACE_TEST_HOOKS
TEST_CASE("Engine: the ledger raises its error when a batch is lost at any of three points") {
  using delivery::TestPoint;
  for (const TestPoint point :
       {TestPoint::after_framing, TestPoint::before_seal, TestPoint::after_send}) {
    CAPTURE(static_cast<int>(point));
    World world;
    EngineBench bench(fmt::format(R"(
inputs:
  files: {{type: lines, paths: ["{}"]}}
outputs:
  one: {{type: words, url: "{}"}}
pipelines:
  p: {{inputs: [files], outputs: [one]}}
)",
                                  world.path("a"), kOne),
                      line_plugins(), world.disk);
    append_lines(world.path("a"), numbered("good", 10));
    REQUIRE(bench.until([&] { return bench.row("files", "p", "one").delivered.records == 10; }));
    CHECK(bench.metric("ledger_errors_total") == 0);
    delivery::arm_test_point(point);
    append_lines(world.path("a"), numbered("lost", 10));
    REQUIRE(bench.until([&] { return bench.metric("ledger_errors_total") > 0; }));
    CHECK(!bench.row("files", "p", "one").balanced);
    bench.expect_ledger_errors(bench.metric("ledger_errors_total"));
  }
}
#endif
