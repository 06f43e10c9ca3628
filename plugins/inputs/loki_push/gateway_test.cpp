// The receiver and the output `loki` together, in the engine: what a gateway is made of.

#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "codec/snappy.h"
#include "plugins/inputs/loki_push/loki_push_test.h"
#include "testkit/crash_fs.h"
#include "testkit/engine_bench.h"

namespace tailrace {
extern const PluginDescriptor outputs_loki_plugin;
}

using namespace tailrace;                           // NOLINT(google-build-using-namespace): a test
using namespace tailrace::inputs::loki_push::test;  // NOLINT(google-build-using-namespace): a test
using testkit::EngineBench;
using testkit::FakeServer;

namespace {

const PluginDescriptor* const kPlugins[] = {&inputs_loki_push_plugin, &outputs_loki_plugin};

constexpr const char* kConfig = R"(
inputs:
  push: {type: loki_push, listen: "127.0.0.1:0", tenant_label: tenant}
outputs:
  loki: {type: loki, url: "http://loki/loki/api/v1/push", tenant_label: tenant}
pipelines:
  p: {inputs: [push], outputs: [loki]}
)";

std::shared_ptr<const testkit::FakeAnswer> push(EngineBench& bench, std::string_view labels,
                                                std::string_view line, std::string tenant) {
  return bench.net().listeners().post(
      "/loki/api/v1/push", snappied(stream(labels, entry(1, line))),
      {{"content-type", "application/x-protobuf"}, {"x-scope-orgid", std::move(tenant)}});
}

std::string body_of(const FakeServer::Seen& seen) {
  const auto body = codec::snappy_uncompress(seen.body, 1 << 30);
  REQUIRE(body);
  return std::string(body->view());
}

}  // namespace

TEST_CASE("gateway: what is pushed to us is pushed on, byte for byte") {
  testkit::CrashFs disk;
  EngineBench bench(kConfig, kPlugins, disk);
  const auto answer = push(bench, R"({app="a"})", "line", "red");
  REQUIRE(bench.until([&] { return answer->status != 0; }));
  CHECK(answer->status == 204);
  REQUIRE(bench.server().seen.size() == 1);
  const auto& seen = bench.server().seen[0];
  CHECK(body_of(seen) == stream(R"({app="a"})", entry(1, "line")));
  CHECK(std::find(seen.headers.begin(), seen.headers.end(),
                  std::pair<std::string, std::string>("X-Scope-OrgID", "red")) !=
        seen.headers.end());
  CHECK(bench.stop());
}

TEST_CASE("gateway: a refusal reaches the client that it is for, and no other") {
  testkit::CrashFs disk;
  EngineBench bench(kConfig, kPlugins, disk);
  bench.server().behaviour = [](const FakeServer::Seen& seen) {
    return FakeServer::status(body_of(seen).find("poison") != std::string::npos ? 400 : 204,
                              "rejected by rule 17");
  };
  // One request while the first is under way, so that the next two share one.
  const auto first = push(bench, R"({app="a"})", "fine", "red");
  const auto good = push(bench, R"({app="b"})", "fine, too", "red");
  const auto bad = push(bench, R"({app="c"})", "poison", "red");
  REQUIRE(bench.until([&] { return first->status * good->status * bad->status != 0; }));
  CHECK(first->status == 204);
  CHECK(good->status == 204);
  CHECK(bad->status == 400);
  CHECK(bench.stop());
}

TEST_CASE("gateway: while the server is away bodies are spooled and acknowledged") {
  testkit::CrashFs disk;
  EngineBench bench(kConfig, kPlugins, disk);
  bench.server().behaviour = [](const FakeServer::Seen&) { return FakeServer::status(503); };
  const auto answer = push(bench, R"({app="a"})", "kept", "red");
  REQUIRE(bench.until([&] { return answer->status != 0; }));
  CHECK(answer->status == 204);
  bench.server().behaviour = [](const FakeServer::Seen&) { return FakeServer::status(204); };
  REQUIRE(bench.settle());
  CHECK(body_of(bench.server().seen.back()).find("kept") != std::string::npos);
  CHECK(bench.stop());
}
