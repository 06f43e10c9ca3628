// The component contract, asserted; and the receiver with the output behind it, as a gateway is.

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "plugins/inputs/prometheus_remote_write/receiver_test.h"
#include "testkit/crash_fs.h"
#include "testkit/http_clients.h"
#include "testkit/plugin_harness.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using namespace tailrace::inputs::prometheus_remote_write::test;  // NOLINT: likewise
using testkit::EngineBench;
using testkit::FakeAnswer;
using testkit::FakeServer;

namespace {

std::string body_of(int number) {
  return snappied(
      series({{"__name__", "n"}, {"pad", testkit::noise(static_cast<uint32_t>(number), 1500)}},
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

}  // namespace

TEST_CASE("remote write receiver: keeps the component contract") {
  // Each writes a sample.
  testkit::HttpClients clients("/api/v1/write", v1_headers(), body_of);
  const testkit::PluginHarness harness(inputs_prometheus_remote_write_plugin,
                                       "listen: \"127.0.0.1:0\"\nreply_timeout: 5m");
  harness.check_options();
  testkit::InputSubject subject;
  subject.output = "{type: prometheus_remote_write, url: \"http://out/\"}";
  subject.others = {&outputs_prometheus_remote_write_plugin};
  clients.serve(subject);
  subject.taken = [](const FakeServer& server) {
    return testkit::taken_numbers(server, numbers_of);
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

TEST_CASE("gateway: with the server away and the disk full clients need not wait for their 503") {
  // Prometheus would not send again what is answered 429.
  testkit::CrashFs disk;
  EngineBench bench(R"(
inputs:
  in: {type: prometheus_remote_write, listen: "127.0.0.1:0"}
outputs:
  out: {type: prometheus_remote_write, url: "http://prom/api/v1/write", buffer: {disk: 8KiB}}
pipelines:
  p: {inputs: [in], outputs: [out]}
)",
                    kGatewayPlugins, disk);
  bench.server().behaviour = [](const FakeServer::Seen&) { return FakeServer::status(503); };
  const auto write = [&](int number) {
    return bench.net().listeners().post("/api/v1/write", body_of(number), v1_headers());
  };
  int number = 0;
  std::shared_ptr<const FakeAnswer> answer;
  do {
    answer = write(++number);
    REQUIRE(bench.until([&] { return answer->status != 0; }));
  } while (answer->status == 204 && number < 20);
  CHECK(number > 2);
  CHECK(answer->status == 503);
  CHECK(write(++number)->status == 503);  // at once
  bench.server().behaviour = [](const FakeServer::Seen&) { return FakeServer::status(204); };
  REQUIRE(bench.settle());
  const auto last = write(++number);
  REQUIRE(bench.until([&] { return last->status != 0; }));
  CHECK(last->status == 204);
  CHECK(bench.stop());
}
