#include "plugins/inputs/loki_push/loki_push.h"

#include <chrono>
#include <string>

#include <doctest/doctest.h>

#include "codec/compression.h"
#include "plugins/inputs/loki_push/loki_push_test.h"
#include "testkit/config_text.h"

using namespace tailrace;                           // NOLINT(google-build-using-namespace): a test
using namespace tailrace::inputs::loki_push::test;  // NOLINT(google-build-using-namespace): a test
using inputs::loki_push::Ack;
using inputs::loki_push::LokiPushConfig;
using testkit::LogRecord;

namespace {

std::string two_streams() {
  return snappied(
      stream(R"({app="a", zone="z"})", entry(1, "one") + entry(2, "two", {{"trace", "t1"}})) +
      stream(R"({app="b"})", entry(3, "three")));
}

Headers with(Headers headers, const char* name, std::string value) {
  headers.emplace_back(name, std::move(value));
  return headers;
}

bool has_retry_after(const testkit::FakeAnswer& answer) {
  return std::any_of(answer.headers.begin(), answer.headers.end(), [](const auto& header) {
    return header.first == "Retry-After" && std::stoi(header.second) > 0;
  });
}

}  // namespace

TEST_CASE("LokiPushInput: a body becomes batches, and its client waits until they are settled") {
  PushBench bench;
  const auto answer = bench.post(two_streams());
  CHECK(answer->status == 0);
  const auto& records = bench.test_feed().records;
  REQUIRE(records.size() == 3);
  CHECK(records[0] == LogRecord{.body = "one",
                                .timestamp = 1,
                                .labels = {{"app", "a"}, {"zone", "z"}},
                                .weight = {1, 3}});
  CHECK(records[1].metadata == decltype(LogRecord::metadata){{"trace", "t1"}});
  CHECK(records[1].weight == Weight{1, 10});
  CHECK(records[2].labels == decltype(LogRecord::labels){{"app", "b"}});
  CHECK(bench.test_memory().used == 0);  // the body has gone into the requests

  bench.settle();
  CHECK(answer->status == 204);
  CHECK(answer->body.empty());
  CHECK(bench.count("input_bodies_total") == 1);
  CHECK(bench.count("input_replies_total", {{"code", "204"}}) == 1);
}

TEST_CASE("LokiPushInput: the answer waits for the last of a body's batches") {
  PushBench bench;
  const auto answer = bench.post(two_streams());
  auto& receipts = bench.test_feed().receipts;
  REQUIRE(receipts.size() == 2);
  CHECK(receipts[0].get() == receipts[1].get());
  receipts.pop_back();
  bench.lane().turn();
  CHECK(answer->status == 0);
  bench.settle(Outcome::refused, "http_400");
  CHECK(answer->status == 400);
  CHECK(answer->body == "refused: http_400\n");
}

TEST_CASE("LokiPushInput: outcomes that another try may change are 503") {
  for (const Outcome outcome : {Outcome::dropped, Outcome::abandoned}) {
    PushBench bench;
    const auto answer = bench.post(two_streams());
    bench.settle(outcome, "buffer_full");
    CHECK(answer->status == 503);
    CHECK(has_retry_after(*answer));
    CHECK(bench.count("input_rejected_bodies_total", {{"reason", "not_settled"}}) == 1);
  }
}

TEST_CASE("LokiPushInput: with ack accepted the answer does not wait") {
  LokiPushConfig config;
  config.ack = Ack::accepted;
  PushBench bench(config);
  CHECK(bench.post(two_streams())->status == 204);
  CHECK(bench.test_feed().records.size() == 3);
  CHECK(bench.test_feed().receipts.empty());
}

TEST_CASE("LokiPushInput: a client is answered before its time is over, whatever happens later") {
  LokiPushConfig config;
  config.reply_timeout = std::chrono::seconds(10);
  PushBench bench(config);
  const auto first = bench.post(two_streams());
  bench.lane().advance(std::chrono::seconds(4));
  const auto second = bench.post(two_streams());
  bench.lane().advance(std::chrono::milliseconds(5900));
  CHECK(first->status == 0);
  bench.lane().advance(std::chrono::milliseconds(200));
  CHECK(first->status == 503);
  CHECK(has_retry_after(*first));
  CHECK(second->status == 0);
  bench.settle();
  CHECK(first->status == 503);
  CHECK(second->status == 204);
  // The timer serves the next one, too.
  const auto third = bench.post(two_streams());
  bench.lane().advance(std::chrono::milliseconds(10100));
  CHECK(third->status == 503);
}

TEST_CASE("LokiPushInput: JSON, gzip, deflate and the old path") {
  const std::string json =
      R"({"streams":[{"stream":{"app":"a"},"values":[["1","x",{"k":"v"}],["2","y"]]}]})";
  const std::string gzipped(codec::gzip_compress(two_streams()).view());
  const std::string gzipped_json(codec::gzip_compress(json).view());
  struct Case {
    std::string body;
    Headers headers;
    size_t records;
  };
  for (const Case& c : std::initializer_list<Case>{
           {json, kJson, 2},
           {json, {{"content-type", "Application/JSON; charset=utf-8"}}, 2},
           {json, with(kJson, "content-encoding", "snappy"), 2},
           {gzipped_json, with(kJson, "content-encoding", "gzip"), 2},
           {two_streams(), with(kProtobuf, "content-encoding", "snappy"), 3},
           {gzipped, with(kProtobuf, "content-encoding", "GZIP"), 3}}) {
    for (const char* path : {"/loki/api/v1/push", "/api/prom/push"}) {
      PushBench bench;
      const auto answer = bench.post(c.body, c.headers, path);
      CHECK(bench.test_feed().records.size() == c.records);
      bench.settle();
      CHECK(answer->status == 204);
    }
  }
}

TEST_CASE("LokiPushInput: bad bodies are refused as a whole, before anything is pushed") {
  const std::string good = stream(R"({app="a"})", entry(1, "x"));
  struct Case {
    std::string body;
    Headers headers;
    int status;
  };
  for (const Case& c : std::initializer_list<Case>{
           {snappied(good + stream("{bad", entry(1, "x"))), kProtobuf, 400},
           {snappied(good + "garbage"), kProtobuf, 400},
           {good, kProtobuf, 400},  // not snappy
           {"", kProtobuf, 400},
           {"{\"streams\":[", kJson, 400},
           {R"({"streams":[{"stream":{"a":"1"},"values":[["1","x"],[2,"y"]]}]})", kJson, 400},
           {"{}", {}, 400},
           {"{}", {{"content-type", "text/plain"}}, 400},
           {"{}", with(kJson, "content-encoding", "br"), 400},
           {"{}", with(kJson, "content-encoding", "gzip"), 400},
           {R"({"streams":[]})", kJson, 422},
           {snappied(""), kProtobuf, 422}}) {
    PushBench bench;
    const auto answer = bench.post(c.body, c.headers);
    CAPTURE(answer->body);
    CHECK(answer->status == c.status);
    CHECK(answer->body.size() > 5);
    CHECK_FALSE(has_retry_after(*answer));
    CHECK(bench.test_feed().records.empty());
    CHECK(bench.test_memory().used == 0);
    CHECK(bench.count("input_rejected_bodies_total") == 1);
    CHECK(bench.count("input_bodies_total") == 0);
  }
}

TEST_CASE("LokiPushInput: streams without entries are fine, and nothing") {
  PushBench bench;
  CHECK(bench.post(snappied(stream(R"({app="a"})", "")))->status == 204);
  CHECK(bench.test_feed().records.empty());
}

TEST_CASE("LokiPushInput: too large, as sent and when unpacked") {
  LokiPushConfig config;
  config.max_body_size = {1000};
  config.max_decompressed_size = ByteSize{2000};
  const std::string fits = stream(R"({app="a"})", entry(1, std::string(1900, 'x')));
  const std::string unpacked_too_large = stream(R"({app="a"})", entry(1, std::string(2000, 'x')));
  std::string noise(1001, 'x');
  {
    PushBench bench(config);
    bench.post(snappied(fits));
    CHECK(bench.test_feed().records.size() == 1);
  }
  for (const auto& [body, headers] : std::initializer_list<std::pair<std::string, Headers>>{
           {noise, kProtobuf},
           {snappied(unpacked_too_large), kProtobuf},
           {std::string(codec::gzip_compress(std::string(2001, ' ')).view()),
            with(kJson, "content-encoding", "gzip")}}) {
    PushBench bench(config);
    const auto answer = bench.post(body, headers);
    CHECK(answer->status == 413);
    CHECK(bench.count("input_rejected_bodies_total", {{"reason", "too_large"}}) == 1);
  }
}

TEST_CASE("LokiPushInput: a body for which there can never be memory is not asked for again") {
  PushBench bench;
  bench.test_memory().limit = bench.test_memory().all = 10;
  const auto answer = bench.post(two_streams());
  CHECK(answer->status == 413);
  CHECK_FALSE(has_retry_after(*answer));
  CHECK(answer->body.find("agent.memory_limit") != std::string::npos);
  CHECK(bench.count("input_rejected_bodies_total", {{"reason", "too_large"}}) == 1);
}

TEST_CASE("LokiPushInput: a chunked body that finds no room gives back what it had") {
  PushBench bench;
  const std::string body = two_streams();
  const auto headers = with(kProtobuf, "transfer-encoding", "chunked");
  CHECK(bench.post(body, headers)->status == 0);  // taken, and not settled yet
  bench.test_memory().limit = body.size() + kBlockPadding;
  const auto answer = bench.listeners.post("/loki/api/v1/push", body, headers);
  CHECK(answer->status == 429);
  CHECK(has_retry_after(*answer));
  CHECK(bench.test_memory().used == 0);  // although the rest may still come
}

TEST_CASE("LokiPushInput: a chunked body holds no more than one that says its size") {
  const std::string body = snappied(stream(R"({app="a"})", entry(1, std::string(90'000, 'x'))));
  size_t most[2] = {};
  for (const bool chunked : {false, true}) {
    PushBench bench;
    const auto answer = bench.post(
        body, chunked ? with(kProtobuf, "transfer-encoding", "chunked") : Headers(kProtobuf));
    CHECK(bench.test_memory().used == 0);
    most[chunked ? 1 : 0] = bench.test_memory().most;
  }
  CHECK(most[1] == most[0]);
}

TEST_CASE("LokiPushInput: without memory or credit the client is told when to come again") {
  {
    PushBench bench;
    bench.test_memory().limit = 10;
    const auto answer = bench.post(two_streams());
    CHECK(answer->status == 429);
    CHECK(has_retry_after(*answer));
    CHECK(bench.count("input_rejected_bodies_total", {{"reason", "memory"}}) == 1);
  }
  {
    // Enough for the body, not for what becomes of it.
    PushBench bench;
    bench.test_memory().limit = 100'000;
    const auto answer =
        bench.post(snappied(stream(R"({app="a"})", entry(1, std::string(90'000, 'x')))));
    CHECK(answer->status == 429);
    CHECK(has_retry_after(*answer));
    CHECK(bench.test_feed().records.empty());
  }
  {
    PushBench bench;
    bench.test_feed().has_credit = false;
    const auto answer = bench.post(two_streams());
    CHECK(answer->status == 429);
    CHECK(has_retry_after(*answer));
    CHECK(bench.count("input_rejected_bodies_total", {{"reason", "credit"}}) == 1);
    bench.test_feed().has_credit = true;
    bench.post(two_streams());
    bench.settle();
    CHECK(bench.count("input_replies_total", {{"code", "204"}}) == 1);
  }
}

TEST_CASE("LokiPushInput: nobody is kept waiting for what cannot be settled") {
  {
    PushBench bench;
    bench.test_feed().settles = false;
    const auto answer = bench.post(two_streams());
    CHECK(answer->status == 429);
    CHECK(has_retry_after(*answer));
    CHECK(bench.count("input_rejected_bodies_total", {{"reason", "credit"}}) == 1);
    CHECK(bench.test_feed().records.empty());
  }
  LokiPushConfig config;
  config.ack = Ack::accepted;
  PushBench bench(config);
  bench.test_feed().settles = false;
  CHECK(bench.post(two_streams())->status == 204);  // nobody waits for that one
  bench.settle();
}

TEST_CASE("LokiPushInput: credit is asked for what the body really is") {
  PushBench bench;
  std::string entries;
  for (int i = 0; i < 100'000; ++i) {
    entries += entry(i, "");
  }
  bench.post(snappied(stream(R"({app="a"})", entries)));
  // Empty lines have no bytes, but each takes room in a request.
  CHECK(bench.test_feed().asked.back() >= 100'000 / kMaxUnitRecords * kMaxBlockBytes);
  CHECK(bench.test_feed().records.size() == 100'000);
  CHECK(bench.test_feed().batches.size() == 7);
  CHECK(bench.test_feed().units == 7);
  bench.settle();
}

TEST_CASE("LokiPushInput: memory for a gzipped body grows with it, and is given back") {
  PushBench bench;
  const std::string line(3'000'000, 'x');
  const std::string json =
      R"({"streams":[{"stream":{"app":"a"},"values":[["1",")" + line + R"("]]}]})";
  bench.post(codec::gzip_compress(json).view(), with(kJson, "content-encoding", "gzip"));
  REQUIRE(bench.test_feed().records.size() == 1);
  CHECK(bench.test_feed().records[0].body == line);
  CHECK(bench.test_memory().most >= 2 * json.size());
  CHECK(bench.test_memory().used == 0);
  bench.settle();
}

TEST_CASE("LokiPushInput: a tenant is kept as a label, or not looked at") {
  LokiPushConfig config;
  config.tenant_label = "__tenant__";
  const Headers headers = with(kProtobuf, "x-scope-orgid", "red");
  {
    PushBench bench(config);
    bench.post(two_streams(), headers);
    CHECK(bench.test_feed().records.at(0).labels.at("__tenant__") == "red");
    bench.post(two_streams());
    CHECK_FALSE(bench.test_feed().records.at(3).labels.contains("__tenant__"));
    CHECK(bench.post(two_streams(), with(kProtobuf, "x-scope-orgid", "a|b"))->status == 400);
    CHECK(bench.post(two_streams(), with(kProtobuf, "x-scope-orgid", "\xff"))->status == 400);
    bench.settle();
  }
  PushBench bench;
  bench.post(two_streams(), headers);
  CHECK(bench.test_feed().records.at(2).labels == decltype(LogRecord::labels){{"app", "b"}});
  bench.settle();
}

TEST_CASE("LokiPushInput: other requests") {
  PushBench bench;
  const auto ask = [&](const char* method, const char* path) {
    auto answer = bench.listeners.request(0, method, path, {}, "");
    bench.lane().turn();
    return answer;
  };
  CHECK(ask("GET", "/ready")->status == 200);
  CHECK(ask("GET", "/loki/api/v1/push")->status == 405);
  CHECK(ask("PUT", "/api/prom/push")->status == 405);
  CHECK(ask("GET", "/loki/api/v1/labels")->status == 404);
  CHECK(bench.count("input_rejected_bodies_total") == 0);
  CHECK(ask("POST", "/")->status == 404);
  CHECK(bench.count("input_rejected_bodies_total", {{"reason", "path"}}) == 1);
}

TEST_CASE("LokiPushInput: after stop nothing is taken, and who waits is still answered") {
  PushBench bench;
  const auto waiting = bench.post(two_streams());
  bench.input().stop();
  CHECK(bench.post(two_streams())->connection_lost);
  CHECK(waiting->status == 0);
  bench.settle();
  CHECK(waiting->status == 204);
}

TEST_CASE("LokiPushInput: what its server refuses by itself is counted") {
  using Reason = ServerRefusal::Reason;
  LokiPushConfig config;
  config.max_body_size.bytes = 1000;
  PushBench bench(config);
  // Only while it is read does such a body show how large it is.
  const auto chunked = with(kProtobuf, "transfer-encoding", "chunked");
  CHECK(bench.post(std::string(1001, 'x'), chunked)->status == 413);
  CHECK(bench.count("input_rejected_bodies_total", {{"reason", "too_large"}}) == 1);
  CHECK(bench.count("input_replies_total", {{"code", "413"}}) == 1);

  auto& handler = dynamic_cast<HttpHandler&>(bench.input());
  const std::pair<Reason, const char*> cases[] = {{Reason::malformed, "headers"},
                                                  {Reason::too_many_calls, "too_many_calls"},
                                                  {Reason::no_memory, "memory"},
                                                  {Reason::too_slow, "too_slow"},
                                                  {Reason::incomplete, "incomplete"}};
  double all = 1;
  for (const auto& [reason, name] : cases) {
    ServerRefusal refusal;
    refusal.reason = reason;
    refusal.times = 3;
    handler.on_refused(refusal);
    CHECK(bench.count("input_rejected_bodies_total", {{"reason", name}}) == 3);
    all += 3;
  }
  CHECK(bench.count("input_rejected_bodies_total") == all);
  CHECK(bench.count("input_replies_total") == 1);  // to the others nothing was said
  ServerRefusal full;
  full.reason = Reason::full_connections;
  handler.on_refused(full);
  CHECK(bench.count("input_full_connections_total") == 1);
  CHECK(bench.count("input_rejected_bodies_total") == all);
}

TEST_CASE("LokiPushInput: receipts may outlive the input") {
  PushBench bench;
  const auto answer = bench.post(two_streams());
  bench.end();
  CHECK(answer->status == 503);
  bench.settle();
  CHECK(answer->status == 503);
}

TEST_CASE("LokiPushInput: shows what it does") {
  PushBench bench;
  bench.post(two_streams());
  bench.input().update_gauges();
  CHECK(bench.count("input_waiting_clients") == 1);
  CHECK(bench.count("input_incoming_bytes") == 0);
  const auto sources = bench.input().sources();
  REQUIRE(sources.size() == 1);
  CHECK(sources[0].position == two_streams().size());
  CHECK(sources[0].settled == 0);
  CHECK(sources[0].waiting_bytes == two_streams().size());
  CHECK(sources[0].state == "listening");
  bench.settle();
  CHECK(bench.input().sources().at(0).settled == two_streams().size());
  CHECK(bench.input().sources().at(0).waiting_bytes == 0);
}

TEST_CASE("LokiPushInput: run --once does not wait for clients") {
  PushBench bench({}, true);
  CHECK(bench.is_finished());
}

TEST_CASE("loki_push config: defaults, everything, and complaints") {
  const auto& schema = inputs::loki_push::loki_push_schema();
  const auto least = testkit::read_config<LokiPushConfig>(schema, "listen: 127.0.0.1:3100\n");
  CHECK(least.ok());
  CHECK(least.config.max_decompressed_bytes() == 60 << 20);
  CHECK(least.config.listens().at(0).address == "127.0.0.1:3100");
  const auto all = testkit::read_config<LokiPushConfig>(
      schema,
      "listen: '[::]:3100'\nmax_connections: 5\nidle_timeout: 10s\ntenant_label: team\n"
      "ack: accepted\nreply_timeout: 5s\nmax_body_size: 1MiB\nmax_decompressed_size: 2MiB\n"
      "tls: {cert_file: /dev/null, key_file: /dev/null}\n");
  CHECK(all.errors() == std::vector<std::string>{});
  CHECK(all.config.tls->cert_file == "/dev/null");
  CHECK(all.config.max_decompressed_bytes() == 2 << 20);
  for (const char* bad :
       {"ack: settled\n", "listen: a:1\nack: maybe\n", "listen: a:1\ntenant_label: a-b\n",
        "listen: a:1\nreply_timeout: 0s\n", "listen: a:1\nmax_body_size: 1\n",
        "listen: a:1\nmax_body_size: 2MiB\nmax_decompressed_size: 1MiB\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(testkit::read_config<LokiPushConfig>(schema, bad).ok());
  }
}
