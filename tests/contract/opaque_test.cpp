// Opaque messages on the engine: merged, taken apart, answered after settlement.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "testkit/crash_fs.h"
#include "testkit/engine_bench.h"
#include "tests/contract/opaque/frames.h"
#include "tests/contract/plugins.h"

using namespace tailrace;
using namespace std::chrono_literals;
using contract::frame;
using testkit::EngineBench;
using testkit::FakeServer;

namespace {

const char* const kConfig = R"(
inputs:
  in: {type: opaque, listen: "127.0.0.1:0", reply_timeout: 5s}
outputs:
  out: {type: opaque, url: "http://sink/", max_message: 100B,
        spool_after: {live: 2s}, retry: {min_backoff: 100ms, max_backoff: 500ms}}
pipelines:
  p: {inputs: [in], outputs: [out]}
)";

using Pending = std::shared_ptr<const testkit::FakeAnswer>;

std::string body_of(const std::vector<std::string>& messages) {
  std::string body;
  for (const std::string& message : messages) {
    body += frame(message);
  }
  return body;
}

/// The messages of the calls that the sink took.
std::vector<std::string> taken(const FakeServer& server) {
  std::vector<std::string> messages;
  for (const auto& seen : server.seen) {
    if (seen.answered / 100 == 2) {
      const auto frames = contract::read_frames(seen.body);
      REQUIRE(frames);
      for (const auto& whole : *frames) {
        messages.emplace_back(whole.substr(4));
      }
    }
  }
  return messages;
}

/// Answers `status` to a request that holds this text.
FakeServer::Behaviour refuses(std::string text, int status) {
  return [text = std::move(text), status](const FakeServer::Seen& seen) {
    return FakeServer::status(seen.body.find(text) != std::string::npos ? status : 204);
  };
}

}  // namespace

TEST_CASE("opaque: bodies of one turn are merged, and their clients answered after delivery") {
  testkit::CrashFs disk;
  EngineBench bench(kConfig, contract::plugins(), disk);
  std::vector<Pending> answers;
  for (int i = 0; i < 5; ++i) {
    answers.push_back(bench.net().listeners().post("/", body_of({"m" + std::to_string(i), "x"})));
    CHECK(answers.back()->status == 0);
  }
  bench.turn();
  CHECK(bench.server().seen.size() == 1);  // sealed at the end of the turn: no linger
  CHECK(taken(bench.server()).size() == 10);
  for (const Pending& answer : answers) {
    CHECK(answer->status == 204);
  }
  CHECK(bench.metric("input_memory_bytes") == 0);
  CHECK(bench.row("in", "p", "out").delivered == Weight{10, 5 * (4 + 2 + 4 + 1)});
}

TEST_CASE("opaque: what cannot be taken is refused before a byte is handed over") {
  testkit::CrashFs disk;
  EngineBench bench(kConfig, contract::plugins(), disk);
  auto& client = bench.net().listeners();
  CHECK(client.post("/", "garbage")->status == 400);
  CHECK(client.post("/", body_of({"good"}) + std::string(2, 0))->status == 400);
  CHECK(client.post("/", "")->status == 400);
  CHECK(client.post("/other", body_of({"good"}))->status == 404);
  CHECK(client.post("/", std::string((1 << 20) + 1, 'x'))->status == 413);
  bench.turn();
  CHECK(bench.server().seen.empty());
  CHECK(bench.row("in", "p", "out").taken == Weight{});
  CHECK(bench.metric("opaque_refused_bodies_total") == 5);
  CHECK(bench.metric("input_memory_bytes") == 0);
}

TEST_CASE("opaque: a refused request is taken apart, and only the source of the bad one is told") {
  testkit::CrashFs disk;
  testkit::EngineBenchOptions options;
  options.behaviour = refuses("bad", 400);
  EngineBench bench(kConfig, contract::plugins(), disk, options);
  auto& client = bench.net().listeners();
  const Pending first = client.post("/", body_of({"one", "two"}));
  const Pending second = client.post("/", body_of({"three", "bad"}));
  const Pending third = client.post("/", body_of({"four"}));
  bench.turn();
  CHECK(first->status == 204);
  CHECK(second->status == 400);
  CHECK(third->status == 204);
  CHECK(taken(bench.server()) == std::vector<std::string>{"one", "two", "four"});
  const auto row = bench.row("in", "p", "out");
  CHECK(row.delivered.records == 3);
  CHECK(row.refused.records == 2);
  CHECK(bench.metric("output_reworks_total", {{"cause", "blame_source"}}) == 1);
}

TEST_CASE(
    "opaque: too large is cut until it fits; one message alone that is too large is refused") {
  testkit::CrashFs disk;
  testkit::EngineBenchOptions options;
  options.behaviour = [](const FakeServer::Seen& seen) {
    return FakeServer::status(seen.body.size() > 60 ? 413 : 204);
  };
  EngineBench bench(kConfig, contract::plugins(), disk, options);
  auto& client = bench.net().listeners();
  std::vector<std::string> small;
  for (int i = 0; i < 20; ++i) {
    small.push_back("message " + std::to_string(i));
  }
  const Pending good = client.post("/", body_of(small));
  const Pending bad = client.post("/", body_of({"fits", std::string(80, 'x')}));
  REQUIRE(bench.settle());
  CHECK(good->status == 204);
  CHECK(bad->status == 400);
  small.push_back("fits");
  CHECK(taken(bench.server()) == small);
  CHECK(bench.row("in", "p", "out").refused == Weight{1, 84});
}

TEST_CASE(
    "opaque: a message that the output never takes is refused at once, its neighbours go on") {
  testkit::CrashFs disk;
  EngineBench bench(kConfig, contract::plugins(), disk);
  const Pending mixed =
      bench.net().listeners().post("/", body_of({"a", std::string(200, 'x'), "b"}));
  const Pending alone = bench.net().listeners().post("/", body_of({std::string(200, 'x')}));
  bench.turn();
  CHECK(mixed->status == 400);
  CHECK(alone->status == 400);
  CHECK(taken(bench.server()) == std::vector<std::string>{"a", "b"});
  CHECK(bench.row("in", "p", "out").refused.records == 2);
}

TEST_CASE(
    "opaque: what is durable is answered although the sink is away, and is not lost by a kill") {
  testkit::CrashFs disk;
  testkit::EngineBenchOptions options;
  options.behaviour = [](const FakeServer::Seen&) { return FakeServer::no_connection(); };
  std::vector<std::string> acknowledged;
  {
    EngineBench bench(kConfig, contract::plugins(), disk, options);
    std::vector<std::pair<std::string, Pending>> sent;
    for (int i = 0; i < 50; ++i) {
      const std::string message = "m" + std::to_string(i);
      sent.emplace_back(message, bench.net().listeners().post("/", body_of({message})));
      bench.advance(100ms);
      bench.lane().wait_for_post(1ms);
    }
    REQUIRE(bench.until([&] { return sent[40].second->status != 0; }));
    bench.kill();
    for (const auto& [message, answer] : sent) {
      if (answer->status == 204) {
        acknowledged.push_back(message);
      }
    }
    CHECK(acknowledged.size() >= 20);
  }
  // Whatever was acknowledged before the power failed, too.
  disk.crash();
  for (const uint64_t seed : {0, 3, 7}) {
    const auto after = disk.survive(seed);
    EngineBench next(kConfig, contract::plugins(), *after);
    REQUIRE(next.settle());
    const auto messages = taken(next.server());
    const std::set<std::string> have(messages.begin(), messages.end());
    CHECK(std::ranges::all_of(acknowledged, [&](const auto& m) { return have.contains(m); }));
    CHECK(have.size() == messages.size());
  }
}

TEST_CASE("opaque: a client is answered within its time when nothing becomes durable") {
  testkit::CrashFs disk;
  disk.set_capacity(0);
  testkit::EngineBenchOptions options;
  options.behaviour = [](const FakeServer::Seen&) { return FakeServer::no_connection(); };
  EngineBench bench(R"(
inputs:
  in: {type: opaque, listen: "127.0.0.1:0", reply_timeout: 5s}
outputs:
  out: {type: opaque, url: "http://sink/", buffer: {disk: 0}}
pipelines:
  p: {inputs: [in], outputs: [out]}
)",
                    contract::plugins(), disk, options);
  const Pending answer = bench.net().listeners().post("/", body_of({"m"}));
  bench.advance(4s);
  CHECK(answer->status == 0);
  bench.advance(2s);
  CHECK(answer->status == 503);
  // At the end it is given back as abandoned; the answer was given already.
  CHECK(bench.row("in", "p", "out").dropped.records == 0);
}

TEST_CASE("opaque: without room a client is told to come again, and it may") {
  testkit::CrashFs disk;
  EngineBench bench(R"(
inputs:
  in: {type: opaque, listen: "127.0.0.1:0", reply_timeout: 1m}
outputs:
  out: {type: opaque, url: "http://sink/", buffer: {memory: 2MiB, disk: 0}}
pipelines:
  p: {inputs: [in], outputs: [out]}
)",
                    contract::plugins(), disk);
  bench.server().hangs = true;
  auto& client = bench.net().listeners();
  const std::string body = body_of({std::string(100'000, 'x')});
  std::vector<Pending> waiting;
  Pending last;
  for (int i = 0; i < 100; ++i) {
    last = client.post("/", body);
    bench.turn();
    if (last->status != 0) {
      break;
    }
    waiting.push_back(last);
  }
  CHECK(last->status == 429);
  CHECK(std::ranges::count(last->headers,
                           std::make_pair(std::string("Retry-After"), std::string("1"))) == 1);
  CHECK(bench.metric("output_buffer_memory_bytes") <= 2 << 20);
  CHECK(waiting.size() > 2);
  CHECK(bench.stop());
  for (const Pending& answer : waiting) {
    CHECK(answer->status == 0);  // not delivered, not durable: no success was claimed
  }
}

TEST_CASE("opaque: two lanes share the port, and a stop answers what it makes durable") {
  testkit::CrashFs disk;
  const std::string config = std::string("agent: {lanes: 2}\n") + kConfig;
  testkit::EngineBenchOptions options;
  options.behaviour = [](const FakeServer::Seen&) { return FakeServer::status(503); };
  std::vector<Pending> answers;
  {
    EngineBench bench(config, contract::plugins(), disk, options);
    for (uint32_t i = 0; i < 20; ++i) {
      answers.push_back(
          bench.net().listeners().post("/", body_of({"m" + std::to_string(i)}), {}, i % 2));
    }
    CHECK(bench.stop());
    CHECK(bench.net().listeners().size() == 0);  // nobody is let in while it stops
    for (const Pending& answer : answers) {
      CHECK(answer->status == 204);
    }
  }
  EngineBench next(config, contract::plugins(), disk);
  REQUIRE(next.settle());
  CHECK(taken(next.server()).size() == 20);
}
