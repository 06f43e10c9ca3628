// The component contract, asserted for the test-only plugins and the examples of its page.

#include <cmath>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "testkit/crash_fs.h"
#include "testkit/plugin_harness.h"
#include "tests/contract/opaque/frames.h"
#include "tests/contract/opaque/opaque_batch.h"
#include "tests/contract/plugins.h"
#include "tests/contract/rows/row_batch.h"

namespace tailrace {
extern const PluginDescriptor inputs_tick_plugin;
extern const PluginDescriptor processors_shorter_plugin;
extern const PluginDescriptor outputs_lines_plugin;
}  // namespace tailrace

using namespace tailrace;
using contract::frame;
using testkit::FakeServer;
using testkit::PluginHarness;
using testkit::Sample;

namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

Sample row_sample(std::string name, std::vector<std::pair<std::string, double>> rows) {
  return {std::move(name), [rows = std::move(rows)](testkit::ManualLane& lane,
                                                    const std::function<void(Batch&)>& use) {
            contract::RowBatch batch;
            const size_t count = rows.size();
            batch.timestamp_ms = 1'700'000'000'123;
            batch.series = lane.arena().array<std::string_view>(count);
            batch.series_hashes = lane.arena().array<uint64_t>(count);
            batch.values = lane.arena().array<double>(count);
            batch.source_bytes = lane.arena().array<uint32_t>(count);
            for (const auto& [series, value] : rows) {
              batch.series[batch.size] = series;
              batch.series_hashes[batch.size] = std::hash<std::string>()(series);
              batch.values[batch.size] = value;
              batch.source_bytes[batch.size] = static_cast<uint32_t>(series.size() + 5);
              ++batch.size;
            }
            use(batch);
          }};
}

testkit::Samples row_samples() {
  std::vector<std::pair<std::string, double>> many;
  for (int i = 0; i < 300; ++i) {
    many.emplace_back("s" + std::to_string(i % 7), i * 0.5);
  }
  return {row_sample("a few", {{"a", 1}, {"b", -2.5}, {"a", 3}}), row_sample("none", {}),
          row_sample("extremes", {{"nan", std::nan("")}, {"inf", 1e308 * 10}, {"zero", -0.0}}),
          row_sample("many", many), row_sample("a long name", {{std::string(5000, 'n'), 1}})};
}

Sample opaque_sample(std::string name, std::vector<std::string> messages) {
  std::vector<std::string> framed;
  for (const std::string& message : messages) {
    framed.push_back(frame(message));
  }
  return {std::move(name), [framed = std::move(framed)](testkit::ManualLane& lane,
                                                        const std::function<void(Batch&)>& use) {
            contract::OpaqueBatch batch;
            batch.messages = lane.arena().array<std::string_view>(framed.size());
            for (const std::string& message : framed) {
              batch.messages[batch.size++] = message;
            }
            use(batch);
          }};
}

std::vector<std::string> messages_of(std::string_view payload) {
  const auto frames = contract::read_frames(payload);
  REQUIRE(frames);
  return {frames->begin(), frames->end()};
}

/// Clients of the opaque input: each record is a body of its own, sent again until it is taken.
class Clients {
 public:
  void produce(testkit::EngineBench& bench, int first, int count) {
    for (int i = first; i < first + count; ++i) {
      send(bench, i);
    }
  }
  void poke(testkit::EngineBench& bench) {
    for (auto& [number, answer] : sent_) {
      if (answer->status == 429 || answer->status == 503) {
        send(bench, number);
      }
    }
  }
  std::vector<int> acknowledged() const {
    std::vector<int> numbers;
    for (const auto& [number, answer] : sent_) {
      if (answer->status == 204) {
        numbers.push_back(number);
      }
    }
    return numbers;
  }
  void reset() { sent_.clear(); }

 private:
  void send(testkit::EngineBench& bench, int number) {
    const std::string body = frame(std::to_string(number) + " " + std::string(2000, 'x'));
    const auto lanes = static_cast<int>(bench.engine().shared().lane_count);
    sent_[number] =
        bench.net().listeners().post("/", body, {}, static_cast<uint32_t>(number % lanes));
  }
  std::map<int, std::shared_ptr<const testkit::FakeAnswer>> sent_;
};

}  // namespace

TEST_CASE("contract: options of all test-only plugins and examples") {
  PluginHarness(contract::inputs_rows_plugin, "urls: [\"http://target/\"]").check_options();
  PluginHarness(contract::outputs_rows_plugin, "url: \"http://store/\"").check_options();
  PluginHarness(contract::inputs_opaque_plugin, "listen: \"127.0.0.1:0\"").check_options();
  PluginHarness(contract::outputs_opaque_plugin, "url: \"http://sink/\"").check_options();
  PluginHarness(inputs_tick_plugin, "").check_options();
  PluginHarness(processors_shorter_plugin, "").check_options();
  PluginHarness(outputs_lines_plugin, "url: \"http://lines/\"").check_options();
}

TEST_CASE("contract: output rows") {
  testkit::OutputSubject subject;
  subject.samples = row_samples();
  subject.records = lines_of;
  subject.readings = {{FakeServer::status(413), Answer::Kind::too_large},
                      {FakeServer::status(400), Answer::Kind::refused}};
  PluginHarness(contract::outputs_rows_plugin, "url: \"http://store/\"").check_output(subject);
}

TEST_CASE("contract: output opaque") {
  testkit::OutputSubject subject;
  subject.samples = {opaque_sample("a few", {"one", "two", "", std::string(3, '\0')}),
                     opaque_sample("none", {}), opaque_sample("one", {"alone"}),
                     opaque_sample("too large ones between", {"a", std::string(300, 'x'), "b"}),
                     opaque_sample("only one that is too large", {std::string(300, 'y')})};
  subject.records = messages_of;
  subject.reworks = {ReworkReason::too_large, ReworkReason::blame_source};
  subject.readings = {{FakeServer::status(413), Answer::Kind::too_large},
                      {FakeServer::status(400), Answer::Kind::blame_source},
                      {FakeServer::status(422), Answer::Kind::refused}};
  PluginHarness(contract::outputs_opaque_plugin, "url: \"http://sink/\"\nmax_message: 200B")
      .check_output(subject);
}

TEST_CASE("contract: input opaque") {
  Clients clients;
  testkit::InputSubject subject;
  subject.output = "{type: opaque, url: \"http://sink/\"}";
  subject.others = {&contract::outputs_opaque_plugin};
  subject.reset = [&] { clients.reset(); };
  subject.produce = [&](testkit::EngineBench& bench, int first, int count) {
    clients.produce(bench, first, count);
  };
  subject.poke = [&](testkit::EngineBench& bench) { clients.poke(bench); };
  subject.acknowledged = [&] { return clients.acknowledged(); };
  subject.taken = [](const FakeServer& server) {
    std::vector<int> numbers;
    for (const auto& seen : server.seen) {
      if (seen.answered / 100 == 2) {
        for (const std::string& message : messages_of(seen.body)) {
          numbers.push_back(std::stoi(message.substr(4)));
        }
      }
    }
    return numbers;
  };
  subject.many = 1500;
  PluginHarness(contract::inputs_opaque_plugin, "listen: \"127.0.0.1:0\"\nreply_timeout: 10m")
      .check_input(subject);
}

TEST_CASE("contract: the example of a processor") {
  PluginHarness(processors_shorter_plugin, "least: 10").check_processor();
}

TEST_CASE("contract: the example of an output") {
  testkit::OutputSubject subject;
  subject.samples = {
      testkit::log_sample("a", {{"x", "1"}}, {{.body = "one"}, {.body = "two"}}),
      testkit::log_sample("b", {{"x", "2"}}, {{.body = std::string(3000, 'x')}, {.body = "three"}}),
      testkit::log_sample("c", {}, {{.body = "four"}})};
  subject.records = lines_of;
  PluginHarness(outputs_lines_plugin, "url: \"http://lines/\"").check_output(subject);
}

TEST_CASE("contract: the example of an input") {
  testkit::CrashFs disk;
  const PluginDescriptor* const table[] = {&inputs_tick_plugin, &outputs_lines_plugin};
  testkit::EngineBench bench(
      "agent: {lanes: 2}\ninputs: {tick: {type: tick}}\n"
      "outputs: {out: {type: lines, url: \"http://lines/\"}}\n"
      "pipelines: {p: {inputs: [tick], outputs: [out]}}",
      table, disk);
  bench.advance(std::chrono::milliseconds(9500));
  CHECK(bench.row("tick", "p", "out").taken.records == 10);  // by one lane of the two
  CHECK(bench.stop());
  CHECK(bench.row("tick", "p", "out").delivered.records == 10);
}
