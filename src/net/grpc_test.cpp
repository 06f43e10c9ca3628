// gRPC's server and client against each other. Foreign peers: tests/e2e/input_otlp, output_otlp.

#include "net/grpc_test.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "testkit/raw_server.h"

using namespace tailrace;
using namespace tailrace::net;
using namespace std::chrono_literals;
using Reason = ServerRefusal::Reason;

namespace {

/// The client's preface and SETTINGS, a call's HEADERS, and 5 of 105 bytes (RFC 9113).
std::string begun_call() {
  const auto frame = [](char type, char flags, char stream, const std::string& payload) {
    std::string bytes{0, 0, static_cast<char>(payload.size()), type, flags, 0, 0, 0, stream};
    return bytes + payload;
  };
  const auto header = [](const std::string& name, const std::string& value) {
    std::string bytes{0, static_cast<char>(name.size())};
    return bytes + name + static_cast<char>(value.size()) + value;
  };
  const std::string head = header(":method", "POST") + header(":scheme", "http") +
                           header(":path", kEcho) + header(":authority", "x") +
                           header("te", "trailers") + header("content-type", "application/grpc");
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "") + frame(1, 4, 1, head) +
         frame(0, 0, 1, std::string("\0\0\0\0\x69half", 9));
}

}  // namespace

TEST_CASE("gRPC: a call looks like an HTTP request, and its answer comes back") {
  GrpcPair pair;
  Call call = pair.call("hello");
  call.headers = {{"X-Scope-OrgID", "team"}, {"raw-bin", std::string("\0\1\xff", 3)}};
  const CallResult result = testkit::call_and_wait(pair.lane, *pair.channel, call);
  REQUIRE_MESSAGE(result.transport.has_value(), result.transport.error().message);
  CHECK(result.status == grpc_code::kOk);
  CHECK(result.body == "hello");

  REQUIRE(pair.handler.heads.size() == 1);
  const HttpRequestHead& head = pair.handler.heads[0]->head();
  CHECK(head.is_grpc);
  CHECK(head.method == "POST");
  CHECK(head.path == kEcho);
  CHECK(head.content_length == 5);
  CHECK(head.header("x-scope-orgid") == "team");
  CHECK(head.header("raw-bin") == std::string_view("\0\1\xff", 3));
  CHECK(head.header("content-encoding").empty());
  CHECK(head.peer.starts_with("127.0.0.1:"));
  CHECK(pair.handler.padding_is_there);
  CHECK(pair.lane.run_until([&] { return pair.handler.ends.size() == 1; }));
  CHECK(pair.memory.used == 0);
}

TEST_CASE("gRPC: an empty message, and one of a megabyte") {
  GrpcPair pair;
  CHECK(pair.say("").status == grpc_code::kOk);
  std::string large(1 << 20, 'x');
  for (size_t i = 0; i < large.size(); i += 1000) {
    large[i] = static_cast<char>(i);
  }
  CHECK(pair.say(large).status == grpc_code::kOk);
  REQUIRE(pair.handler.bodies.size() == 2);
  CHECK(pair.handler.bodies[0].empty());
  CHECK(pair.handler.bodies[1] == large);
}

TEST_CASE("gRPC: a refusal has its code, text and details") {
  GrpcPair pair;
  const std::string details("\x08\x03\x12\0\xff", 5);
  pair.handler.body = [&](const auto& exchange, const std::string&) {
    exchange->reply(grpc_code::kInvalidArgument, {{kGrpcStatusDetails, details}, {"why", "so"}},
                    "bad: trace_id");
  };
  const CallResult result = pair.say("x");
  REQUIRE(result.transport.has_value());
  CHECK(result.status == grpc_code::kInvalidArgument);
  CHECK(result.header("grpc-message") == "bad: trace_id");
  CHECK(result.header(kGrpcStatusDetails) == details);
  CHECK(result.header("why") == "so");
  CHECK(result.body.empty());
}

TEST_CASE("gRPC: a refusal before the body is taken gives its memory back") {
  GrpcPair pair;
  pair.handler.head = [](const auto& exchange) {
    exchange->reply(grpc_code::kResourceExhausted, {}, "later");
  };
  CHECK(pair.say("x").status == grpc_code::kResourceExhausted);
  CHECK(pair.handler.bodies.empty());
  CHECK(pair.memory.used == 0);
  pair.handler.head = [](const auto&) {};
  pair.handler.limit = 3;
  CHECK(pair.say("four").status == grpc_code::kResourceExhausted);
  CHECK(pair.handler.bodies.empty());
}

TEST_CASE("gRPC: methods that nobody serves") {
  GrpcPair pair;
  const CallResult result =
      testkit::call_and_wait(pair.lane, *pair.channel, pair.call("x", "/test.Echo/Shout"));
  CHECK(result.status == grpc_code::kUnimplemented);
  CHECK(pair.handler.heads.empty());
}

TEST_CASE("gRPC: a compressed message is handed over as it was sent") {
  GrpcPair pair;
  const std::string packed("\x1f\x8b\x08 not really gzip", 19);
  Call call = pair.call(packed);
  call.headers = {{"Content-Encoding", "gzip"}};
  CHECK(testkit::call_and_wait(pair.lane, *pair.channel, call).status == grpc_code::kOk);
  REQUIRE(pair.handler.bodies.size() == 1);
  CHECK(pair.handler.bodies[0] == packed);
  CHECK(pair.handler.heads[0]->head().header("content-encoding") == "gzip");
}

TEST_CASE("gRPC: a message over the limit") {
  GrpcServerConfig config;
  config.max_message_bytes = 1000;
  GrpcPair pair(config);
  CHECK(pair.say(std::string(1000, 'x')).status == grpc_code::kOk);
  const CallResult refused = pair.say(std::string(1001, 'x'));
  CHECK(refused.status == grpc_code::kResourceExhausted);
  CHECK(refused.header("grpc-message") == "the message has 1001 bytes, and may have 1000");
  // It comes to us as a whole, and is let go of at once.
  CHECK(pair.say(std::string(10 << 20, 'x')).status == grpc_code::kResourceExhausted);
  CHECK(pair.handler.bodies.size() == 1);
  CHECK(pair.memory.used == 0);
  CHECK(pair.lane.run_until([&] { return pair.handler.refused(Reason::too_large) == 2; }));
  const ServerRefusal& told = pair.handler.refusals.at(0);
  CHECK(told.is_grpc);
  CHECK(told.status == 413);
  CHECK(told.peer.starts_with("127.0.0.1:"));
  CHECK(told.text == refused.header("grpc-message"));
  CHECK(pair.say("x").status == grpc_code::kOk);
}

TEST_CASE("gRPC: a call whose time is over; its late answer harms nobody") {
  GrpcPair pair;
  std::vector<std::shared_ptr<HttpExchange>> kept;
  pair.handler.body = [&](const auto& exchange, const std::string&) { kept.push_back(exchange); };
  Call call = pair.call("x");
  call.timeout = 200ms;
  const CallResult result = testkit::call_and_wait(pair.lane, *pair.channel, call);
  // Client and server look at their own clocks; either may be first.
  CHECK((result.transport ? result.status == grpc_code::kDeadlineExceeded
                          : result.transport.error().code == ErrorCode::timeout));
  REQUIRE(kept.size() == 1);
  CHECK_FALSE(kept[0]->replied());
  kept[0]->reply(grpc_code::kOk, {}, "");
  CHECK(pair.lane.run_until([&] { return pair.handler.ends.size() == 1; }));
}

TEST_CASE("gRPC: cancelled calls do not call back") {
  GrpcPair pair;
  std::vector<std::shared_ptr<HttpExchange>> kept;
  pair.handler.body = [&](const auto& exchange, const std::string&) { kept.push_back(exchange); };
  bool called = false;
  const CallId id = pair.channel->call(pair.call("x"), [&](const CallResult&) { called = true; });
  CHECK(pair.lane.run_until([&] { return !kept.empty(); }));
  pair.channel->cancel(id);
  pair.channel->call(pair.call("y"), [&](const CallResult&) { called = true; });
  pair.channel.reset();
  pair.lane.run_for(50ms);
  CHECK_FALSE(called);
}

TEST_CASE("gRPC: nobody listens, then somebody does") {
  GrpcPair pair;
  pair.config.listen = fmt::format("127.0.0.1:{}", pair.server->port());
  const Call call = pair.call("x");
  pair.server.reset();
  const CallResult none = testkit::call_and_wait(pair.lane, *pair.channel, call);
  REQUIRE_FALSE(none.transport.has_value());
  CHECK(none.transport.error().code == ErrorCode::network);
  auto again = pair.listen();
  REQUIRE(again.has_value());
  pair.server = std::move(*again);
  int tries = 0;
  CallResult result;
  do {
    pair.lane.run_for(100ms);
    result = pair.say("x");
  } while (!result.transport && ++tries < 100);
  CHECK(result.status == grpc_code::kOk);
}

TEST_CASE("gRPC: impossible calls fail, and not within call()") {
  GrpcPair pair;
  Call call = pair.call("x", "no-slash");
  CHECK_FALSE(testkit::call_and_wait(pair.lane, *pair.channel, call).transport.has_value());
  call = pair.call("x");
  call.headers = {{"bad name", "x"}};
  CHECK(testkit::call_and_wait(pair.lane, *pair.channel, call).status ==
        grpc_code::kInvalidArgument);
}

TEST_CASE("gRPC: quiesce answers what is under way and takes nothing new") {
  GrpcPair pair;
  std::vector<std::shared_ptr<HttpExchange>> kept;
  pair.handler.body = [&](const auto& exchange, const std::string&) { kept.push_back(exchange); };
  const auto first = pair.start(pair.call("x"));
  CHECK(pair.lane.run_until([&] { return !kept.empty(); }));
  pair.server->quiesce();
  const CallResult second = testkit::call_and_wait(pair.lane, *pair.channel, pair.call("y"));
  // gRPC's own word for a call that comes too late; to be tried again, like UNAVAILABLE.
  CHECK((unavailable(second) || second.status == grpc_code::kCancelled));
  CHECK(first->empty());
  kept[0]->reply(grpc_code::kOk, {}, "done");
  CHECK(pair.lane.run_until([&] { return !first->empty(); }));
  CHECK(first->front().body == "done");
}

TEST_CASE("gRPC: a server that ends answers its clients; exchanges may outlive it") {
  GrpcPair pair;
  std::vector<std::shared_ptr<HttpExchange>> kept;
  pair.handler.body = [&](const auto& exchange, const std::string&) { kept.push_back(exchange); };
  const auto result = pair.start(pair.call("x"));
  CHECK(pair.lane.run_until([&] { return !kept.empty(); }));
  pair.server.reset();
  CHECK(pair.handler.ends.size() == 1);
  CHECK(pair.lane.run_until([&] { return !result->empty(); }));
  CHECK(unavailable(result->front()));
  kept[0]->reply(grpc_code::kOk, {}, "");
}

TEST_CASE("gRPC: too many calls at a time") {
  GrpcServerConfig config;
  config.max_calls = 2;
  GrpcPair pair(config);
  std::vector<std::shared_ptr<HttpExchange>> kept;
  pair.handler.body = [&](const auto& exchange, const std::string&) { kept.push_back(exchange); };
  const auto first = pair.start(pair.call("1"));
  const auto second = pair.start(pair.call("2"));
  CHECK(pair.lane.run_until([&] { return kept.size() == 2; }));
  // A connection has as many streams at most: this one waits for its turn.
  const auto third = pair.start(pair.call("3"));
  pair.lane.run_for(50ms);
  CHECK(kept.size() == 2);
  kept[0]->reply(grpc_code::kOk, {}, "");
  CHECK(pair.lane.run_until([&] { return kept.size() == 3; }));
  // Another connection does not know of that.
  HttpClientConfig other;
  other.headers = {{"other", "client"}};
  const auto others = pair.connect(other);
  const CallResult refused = testkit::call_and_wait(pair.lane, *others, pair.call("4"));
  CHECK(refused.status == grpc_code::kUnavailable);
  CHECK(refused.header("grpc-message").find("2 calls are under way") == 0);
  CHECK(pair.lane.run_until([&] { return pair.handler.refused(Reason::too_many_calls) == 1; }));
  CHECK(pair.handler.refusals.at(0).status == 503);
  kept[1]->reply(grpc_code::kOk, {}, "");
  kept[2]->reply(grpc_code::kOk, {}, "");
  CHECK(pair.lane.run_until([&] { return !third->empty() && !second->empty(); }));
}

TEST_CASE("gRPC: however many calls are refused, the lane hears of them once a turn") {
  GrpcServerConfig config;
  config.max_message_bytes = 10;
  GrpcPair pair(config);
  std::vector<std::shared_ptr<std::vector<CallResult>>> results;
  const std::string body(20, 'x');
  for (int i = 0; i < 50; ++i) {
    results.push_back(pair.start(pair.call(body)));
  }
  CHECK(pair.lane.run_until([&] { return pair.handler.refused(Reason::too_large) == 50; }));
  CHECK(pair.lane.run_until([&] {
    return std::ranges::all_of(results, [](const auto& result) { return !result->empty(); });
  }));
}

TEST_CASE("gRPC: with memory for one message all get through, one after the other") {
  GrpcPair pair;
  pair.memory.limit = pair.config.max_message_bytes + 1000;
  std::vector<std::shared_ptr<std::vector<CallResult>>> results;
  const std::string body(200, 'x');
  for (int i = 0; i < 100; ++i) {
    results.push_back(pair.start(pair.call(body)));
  }
  CHECK(pair.lane.run_until([&] {
    return std::ranges::all_of(results, [](const auto& result) { return !result->empty(); });
  }));
  const auto good = std::ranges::count_if(results, [](const auto& result) {
    return result->front().transport && result->front().status == grpc_code::kOk;
  });
  const auto later = std::ranges::count_if(results, [](const auto& result) {
    return result->front().status == grpc_code::kUnavailable;
  });
  // What is read but not taken yet counts, too; when nothing is left to wait for, clients are told
  // to come again.
  CHECK(good + later == 100);
  CHECK(good >= 1);
  const auto told = [&] { return pair.handler.refused(Reason::no_memory); };
  CHECK(pair.lane.run_until([&] { return told() == static_cast<uint64_t>(later); }));
  CHECK(pair.memory.used == 0);
  pair.memory.limit = 100 << 10;
  CHECK(pair.say("a small one").status == grpc_code::kOk);
  CHECK(pair.say(std::string(200 << 10, 'x')).status == grpc_code::kUnavailable);
  pair.memory.limit = 100;
  CHECK(pair.say("x").status == grpc_code::kUnavailable);
  CHECK(pair.memory.used == 0);
  CHECK(pair.lane.run_until([&] { return told() == static_cast<uint64_t>(later) + 2; }));
}

TEST_CASE("gRPC: a client that begins a message and does not end it") {
  GrpcServerConfig config;
  config.read_timeout = 1500ms;
  GrpcPair pair(config);
  testkit::RawClient slow(pair.server->port());
  slow.send(begun_call());
  CHECK(pair.lane.run_until([&] { return pair.memory.used > 0; }));
  CHECK(pair.say("others are served").status == grpc_code::kOk);
  CHECK(pair.lane.run_until([&] { return pair.memory.used == 0; }));
  CHECK(pair.handler.bodies.size() == 1);
  CHECK(pair.lane.run_until([&] { return pair.handler.refused(Reason::too_slow) == 1; }));
  CHECK(pair.handler.refusals.at(0).status == 503);
  CHECK(pair.handler.refusals.at(0).peer.starts_with("127.0.0.1:"));
}

TEST_CASE("gRPC: a client that goes before its message is whole") {
  GrpcPair pair;
  {
    testkit::RawClient client(pair.server->port());
    client.send(begun_call());
    CHECK(pair.lane.run_until([&] { return pair.memory.used > 0; }));
  }
  CHECK(pair.lane.run_until([&] { return pair.handler.refused(Reason::incomplete) == 1; }));
  CHECK(pair.handler.refusals.at(0).status == 0);
  CHECK(pair.memory.used == 0);
}

TEST_CASE("gRPC: addresses and certificates that cannot be used are refused with their cause") {
  GrpcPair pair;
  const auto code_of = [&pair](auto change) {
    pair.config.listen = "127.0.0.1:0";
    change(pair.config);
    const auto made = pair.listen("another");
    return made ? ErrorCode::internal : made.error().code;
  };
  CHECK(code_of([&](auto& c) { c.listen = fmt::format("127.0.0.1:{}", pair.server->port()); }) ==
        ErrorCode::conflict);
  CHECK(code_of([](auto& c) { c.listen = "nonsense"; }) == ErrorCode::invalid);
  CHECK(code_of([](auto& c) {
          c.tls = TlsServerConfig{"/nowhere.pem", "/nowhere.key", ""};
        }) == ErrorCode::not_found);
}
