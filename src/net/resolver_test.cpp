#include "net/resolver.h"

#include <atomic>
#include <mutex>

#include <doctest/doctest.h>

#include "testkit/manual_lane.h"

using namespace tailrace;
using namespace std::chrono_literals;
using testkit::ManualLane;

namespace {

/// A name server of the test's making.
struct FakeNames {
  Result<std::vector<std::string>> answer = std::vector<std::string>{"10.0.0.1"};
  int asked = 0;

  net::Resolver::Lookup lookup() {
    return [this](const std::string&) {
      ++asked;
      return answer;
    };
  }
};

/// What came back, as text: addresses, or "error: …", or "" while nothing has.
struct Reply {
  std::string text;
  net::Resolver::Done done() {
    return [this](const Result<net::Addresses>& result) {
      if (!result) {
        text = "error: " + result.error().message;
        return;
      }
      text.clear();
      for (const std::string& address : **result) {
        text += (text.empty() ? "" : " ") + address;
      }
    };
  }
};

}  // namespace

TEST_CASE("Resolver: numeric addresses and localhost are not looked up") {
  ManualLane lane;
  FakeNames names;
  net::Resolver resolver(lane, names.lookup());
  Reply reply;
  for (const char* host : {"10.1.2.3", "::1", "fe80::1%eth0"}) {
    resolver.resolve(host, reply.done());
    CHECK(reply.text == host);
  }
  resolver.resolve("localhost", reply.done());
  CHECK(reply.text == "127.0.0.1 ::1");
  CHECK(names.asked == 0);
}

TEST_CASE("Resolver: one look-up for all who ask, then from memory for 30 s") {
  ManualLane lane;
  FakeNames names;
  net::Resolver resolver(lane, names.lookup());
  Reply first;
  Reply second;
  resolver.resolve("loki", first.done());
  resolver.resolve("loki", second.done());
  CHECK(first.text.empty());
  lane.turn();
  CHECK(first.text == "10.0.0.1");
  CHECK(second.text == "10.0.0.1");
  CHECK(names.asked == 1);
  lane.advance(29s);
  Reply third;
  resolver.resolve("loki", third.done());
  CHECK(third.text == "10.0.0.1");
  lane.turn();
  CHECK(names.asked == 1);
}

TEST_CASE("Resolver: an old answer is given at once while a new one is fetched") {
  ManualLane lane;
  FakeNames names;
  net::Resolver resolver(lane, names.lookup());
  Reply reply;
  resolver.resolve("loki", reply.done());
  lane.turn();
  lane.advance(31s);
  names.answer = std::vector<std::string>{"10.0.0.2"};
  reply.text.clear();
  resolver.resolve("loki", reply.done());
  CHECK(reply.text == "10.0.0.1");
  lane.turn();
  CHECK(names.asked == 2);
  resolver.resolve("loki", reply.done());
  CHECK(reply.text == "10.0.0.2");
}

TEST_CASE("Resolver: the old answer stays in use while the name server fails") {
  ManualLane lane;
  FakeNames names;
  net::Resolver resolver(lane, names.lookup());
  Reply reply;
  resolver.resolve("loki", reply.done());
  lane.turn();
  names.answer = fail(ErrorCode::network, "name server is away");
  lane.advance(60s);
  resolver.resolve("loki", reply.done());
  lane.turn();
  for (int i = 0; i < 10; ++i) {
    reply.text.clear();
    resolver.resolve("loki", reply.done());
    CHECK(reply.text == "10.0.0.1");
  }
  CHECK(names.asked == 2);  // a failure is not repeated within a second
  lane.advance(1s);
  resolver.resolve("loki", reply.done());
  lane.turn();
  CHECK(names.asked == 3);
}

TEST_CASE(
    "Resolver: a distrusted answer is asked for again, and used when there is no better one") {
  ManualLane lane;
  FakeNames names;
  net::Resolver resolver(lane, names.lookup());
  Reply reply;
  resolver.resolve("loki", reply.done());
  lane.turn();
  resolver.distrust("loki");
  names.answer = std::vector<std::string>{"10.0.0.9"};
  reply.text.clear();
  resolver.resolve("loki", reply.done());
  CHECK(reply.text.empty());
  lane.turn();
  CHECK(reply.text == "10.0.0.9");
  resolver.distrust("loki");
  names.answer = fail(ErrorCode::network, "name server is away");
  reply.text.clear();
  resolver.resolve("loki", reply.done());
  lane.turn();
  CHECK(reply.text == "10.0.0.9");
}

TEST_CASE("Resolver: a name without an answer fails, and is asked for again a second later") {
  ManualLane lane;
  FakeNames names;
  names.answer = fail(ErrorCode::network, "no such name");
  net::Resolver resolver(lane, names.lookup());
  Reply reply;
  resolver.resolve("nowhere", reply.done());
  lane.turn();
  CHECK(reply.text == "error: no such name");
  resolver.resolve("nowhere", reply.done());
  lane.turn();
  CHECK(names.asked == 1);
  lane.advance(1s);
  names.answer = std::vector<std::string>{"10.0.0.1"};
  resolver.resolve("nowhere", reply.done());
  lane.turn();
  CHECK(reply.text == "10.0.0.1");
}

TEST_CASE("Resolver: many names are looked up, each once") {
  ManualLane lane;
  FakeNames names;
  net::Resolver resolver(lane, names.lookup());
  std::vector<Reply> replies(50);
  for (size_t i = 0; i < replies.size(); ++i) {
    resolver.resolve("host" + std::to_string(i), replies[i].done());
  }
  lane.turn();
  for (const Reply& reply : replies) {
    CHECK(reply.text == "10.0.0.1");
  }
  CHECK(names.asked == 50);
}

TEST_CASE("Resolver: destroyed while a look-up is under way, it calls nobody") {
  ManualLane lane;
  FakeNames names;
  Reply reply;
  {
    net::Resolver resolver(lane, names.lookup());
    resolver.resolve("loki", reply.done());
  }
  lane.turn();
  CHECK(reply.text.empty());
}
