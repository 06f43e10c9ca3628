// The component contract, asserted; and the receiver with the output behind it, as a gateway is.

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "plugins/inputs/prometheus_remote_write/receiver_test.h"
#include "testkit/crash_fs.h"
#include "testkit/plugin_harness.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using namespace tailrace::inputs::prometheus_remote_write::test;  // NOLINT: likewise
using testkit::EngineBench;
using testkit::FakeAnswer;
using testkit::FakeServer;

namespace {

/// Text that does not compress, so that a few bodies fill an output's memory.
std::string noise(int number) {
  std::mt19937 random(static_cast<uint32_t>(number));
  std::string text(1500, ' ');
  for (char& c : text) {
    c = static_cast<char>('!' + random() % 90);
  }
  return text;
}

std::string body_of(int number) {
  return snappied(series({{"__name__", "n"}, {"pad", noise(number)}},
                         {{static_cast<double>(number), 1'700'000'000'000 + number}}));
}

std::vector<int> numbers_of(std::string_view payload) {
  std::vector<int> numbers;
  common::prom::WriteReader reader;
  Arena arena;
  reader.read(WriteVersion::v1, uncompressed(payload), arena, [&](const auto& series) {
    for (const auto& sample : series.samples) {
      numbers.push_back(static_cast<int>(std::bit_cast<double>(sample.value)));
    }
  });
  return numbers;
}

/// Clients that write a sample each, and write it again until it is taken.
class Clients {
 public:
  void produce(EngineBench& bench, int first, int count) {
    for (int i = first; i < first + count; ++i) {
      write(bench, i);
    }
  }
  void poke(EngineBench& bench) {
    for (const auto& [number, answer] : answers_) {
      if (answer->status == 429 || answer->status == 503) {
        write(bench, number);
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
  void write(EngineBench& bench, int number) {
    const auto lanes = static_cast<int>(bench.engine().shared().lane_count);
    answers_[number] = bench.net().listeners().post("/api/v1/write", body_of(number), v1_headers(),
                                                    static_cast<uint32_t>(number % lanes));
  }
  std::map<int, std::shared_ptr<const FakeAnswer>> answers_;
};

}  // namespace

TEST_CASE("remote write receiver: keeps the component contract") {
  Clients clients;
  const testkit::PluginHarness harness(inputs_prometheus_remote_write_plugin,
                                       "listen: \"127.0.0.1:0\"\nreply_timeout: 5m");
  harness.check_options();
  testkit::InputSubject subject;
  subject.output = "{type: prometheus_remote_write, url: \"http://out/\"}";
  subject.others = {&outputs_prometheus_remote_write_plugin};
  subject.reset = [&] { clients.reset(); };
  subject.produce = [&](EngineBench& bench, int first, int count) {
    clients.produce(bench, first, count);
  };
  subject.poke = [&](EngineBench& bench) { clients.poke(bench); };
  subject.acknowledged = [&] { return clients.acknowledged(); };
  subject.taken = [](const FakeServer& server) {
    std::vector<int> numbers;
    for (const auto& seen : server.seen) {
      if (seen.answered / 100 == 2) {
        for (const int number : numbers_of(seen.body)) {
          numbers.push_back(number);
        }
      }
    }
    return numbers;
  };
  subject.many = 2000;
  harness.check_input(subject);
}

TEST_CASE("gateway: a refusal reaches the client that it is for, and no other") {
  testkit::CrashFs disk;
  EngineBench bench(kGateway, kGatewayPlugins, disk);
  bench.server().behaviour = [](const FakeServer::Seen& seen) {
    const auto numbers = numbers_of(seen.body);
    return FakeServer::status(std::count(numbers.begin(), numbers.end(), 13) != 0 ? 400 : 204,
                              "out of order");
  };
  const auto write = [&](int number) {
    return bench.net().listeners().post("/api/v1/write", body_of(number), v1_headers());
  };
  const auto first = write(1);
  const auto good = write(2);
  const auto bad = write(13);
  REQUIRE(bench.until([&] { return first->status * good->status * bad->status != 0; }));
  CHECK(first->status == 204);
  CHECK(good->status == 204);
  CHECK(bad->status == 400);
  CHECK(bench.stop());
}

TEST_CASE("gateway: while the server is away bodies are spooled and acknowledged") {
  testkit::CrashFs disk;
  EngineBench bench(kGateway, kGatewayPlugins, disk);
  bench.server().behaviour = [](const FakeServer::Seen&) { return FakeServer::status(503); };
  const auto answer = bench.net().listeners().post("/api/v1/write", body_of(7), v1_headers());
  REQUIRE(bench.until([&] { return answer->status != 0; }));
  CHECK(answer->status == 204);
  bench.server().behaviour = [](const FakeServer::Seen&) { return FakeServer::status(204); };
  REQUIRE(bench.settle());
  CHECK(numbers_of(bench.server().seen.back().body) == std::vector<int>{7});
  CHECK(bench.stop());
}
