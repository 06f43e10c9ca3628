#include "plugins/outputs/null/null.h"

#include <doctest/doctest.h>

#include "testkit/output_bench.h"

namespace tailrace {
extern const PluginDescriptor outputs_null_plugin;
}

using namespace tailrace;
using tailrace::outputs::null::NullChannel;
using tailrace::outputs::null::NullConfig;
using tailrace::testkit::OutputBench;

TEST_CASE("null: counts what it takes, keeps no byte of it, and delivers") {
  OutputBench bench(outputs_null_plugin, std::make_shared<NullConfig>(), 100);
  for (int i = 0; i < 5; ++i) {
    bench.append({{"app", "a"}}, {{.body = std::string(30, 'x'), .weight = {2, 40}}});
  }
  const auto sealed = bench.seal();
  REQUIRE(sealed.size() == 3);  // of 100 bytes at most
  Weight weight;
  for (const auto& request : sealed) {
    CHECK(request.payload.empty());
    for (const PartRange& part : request.parts) {
      weight += part.weight;
      CHECK(part.length == 0);
    }
    const auto answer = bench.send(request);
    REQUIRE(answer);
    CHECK(answer->kind == Answer::Kind::delivered);
  }
  CHECK(weight == Weight{10, 200});
}

TEST_CASE("null: takes batches of any signal") {
  struct OtherBatch final : Batch {
    explicit OtherBatch(const BatchType& type) : Batch(type) {}
    Weight weight() const noexcept override { return {7, 70}; }
    Batch* copy_views(Arena&) const override { return nullptr; }
  };
  const BatchType type{"other", Signal::traces};
  OutputBench bench(outputs_null_plugin, std::make_shared<NullConfig>());
  bench.append(OtherBatch(type));
  CHECK(bench.seal().at(0).parts.at(0).weight == Weight{7, 70});
}

TEST_CASE("null: a cancelled call and an ended channel answer nothing") {
  testkit::ManualLane lane;
  auto channel = std::make_unique<NullChannel>(lane);
  int answers = 0;
  const auto count = [&](CallResult) { ++answers; };
  const CallId first = channel->call({}, count);
  channel->call({}, count);
  channel->cancel(first);
  CHECK(answers == 0);
  lane.turn();
  CHECK(answers == 1);
  channel->call({}, count);
  channel.reset();
  lane.turn();
  CHECK(answers == 1);
}
