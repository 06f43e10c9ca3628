// The component contract, asserted.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "testkit/line_plugins.h"
#include "testkit/plugin_harness.h"

namespace tailrace {
extern const PluginDescriptor inputs_loki_push_plugin;
}

using tailrace::inputs_loki_push_plugin;
using tailrace::testkit::EngineBench;
using tailrace::testkit::FakeAnswer;
using tailrace::testkit::FakeServer;
using tailrace::testkit::PluginHarness;

namespace {

/// Clients that push a line each, and push it again until it is taken.
class Clients {
 public:
  void produce(EngineBench& bench, int first, int count) {
    for (int i = first; i < first + count; ++i) {
      push(bench, i);
    }
  }
  void poke(EngineBench& bench) {
    for (const auto& [number, answer] : answers_) {
      if (answer->status == 429 || answer->status == 503) {
        push(bench, number);
      }
    }
  }
  std::vector<int> acknowledged() const {
    std::vector<int> numbers;
    for (const auto& [number, answer] : answers_) {
      if (answer->status == 204) {
        numbers.push_back(number);
      }
    }
    return numbers;
  }
  void reset() { answers_.clear(); }

 private:
  void push(EngineBench& bench, int number) {
    const std::string body = fmt::format(
        R"({{"streams": [{{"stream": {{"app": "a{}"}}, "values": [["{}", "{}{}"]]}}]}})",
        number % 5, 1'700'000'000'000'000'000 + number, number, std::string(2000, ' '));
    const auto lanes = static_cast<int>(bench.engine().shared().lane_count);
    answers_[number] = bench.net().listeners().post("/loki/api/v1/push", body,
                                                    {{"content-type", "application/json"}},
                                                    static_cast<uint32_t>(number % lanes));
  }
  std::map<int, std::shared_ptr<const FakeAnswer>> answers_;
};

}  // namespace

TEST_CASE("loki_push: keeps the component contract") {
  Clients clients;
  const PluginHarness harness(inputs_loki_push_plugin,
                              "listen: \"127.0.0.1:0\"\nreply_timeout: 5m");
  harness.check_options();
  tailrace::testkit::InputSubject subject;
  subject.reset = [&] { clients.reset(); };
  subject.produce = [&](EngineBench& bench, int first, int count) {
    clients.produce(bench, first, count);
  };
  subject.poke = [&](EngineBench& bench) { clients.poke(bench); };
  subject.acknowledged = [&] { return clients.acknowledged(); };
  subject.taken = [](const FakeServer& server) {
    std::vector<int> numbers;
    for (const std::string& line : tailrace::testkit::taken_lines(server, "http://out/")) {
      numbers.push_back(std::stoi(line));
    }
    return numbers;
  };
  subject.many = 1500;
  harness.check_input(subject);
}
