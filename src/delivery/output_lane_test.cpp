#include "delivery/output_lane_test.h"

#include "delivery/test_hooks.h"

// Sealing, order, answers and the books; output_lane_spool_test.cpp is about what is not delivered.

using namespace tailrace;
using namespace tailrace::delivery;
using namespace std::chrono_literals;

TEST_CASE("OutputLane: a request is sealed by age, delivered, and its receipts are released") {
  OutputBench bench;
  bench.push({"one", "two"});
  bench.push({"three"});
  bench.lane.turn();
  CHECK(bench.server.seen.empty());
  bench.lane.advance(1001ms);
  CHECK(bench.sent() == "one\ntwo\nthree\n");
  CHECK(bench.server.seen.size() == 1);
  CHECK(bench.ends.size() == 2);
  CHECK(bench.out->empty());
  CHECK(bench.records(bench.cell->delivered) == 3);
  CHECK(bench.shared.memory.used() == 0);
}

TEST_CASE("OutputLane: a request is sealed when it is full") {
  OutputOptions options;
  options.batch_bytes = 10;
  OutputBench bench(options);
  bench.push({"aaaa"});
  bench.push({"bbbb"});
  bench.push({"cccc"});
  bench.lane.turn();
  REQUIRE(bench.server.seen.size() == 1);
  CHECK(bench.server.seen[0].body == "aaaa\nbbbb\n");
}

TEST_CASE(
    "OutputLane: when somebody waits it is sealed at the end of the turn, and the next one "
    "when the first is back") {
  OutputBench bench;
  bench.push({"a"}, "", true, false);
  bench.lane.turn();
  CHECK(bench.sent() == "a\n");
  CHECK(bench.ends.size() == 1);
}

TEST_CASE("OutputLane: senders that were answered together go out together again") {
  OutputBench bench;
  const auto send = [&](const char* word) { bench.push({word}, "", true, false); };
  const auto last_body = [&](size_t requests) {
    bench.lane.turn();
    REQUIRE(bench.server.seen.size() == requests);
    return bench.server.seen.back().body;
  };
  std::function<void()> meanwhile = [&] {
    send("b1");
    send("c1");
  };
  bench.server.behaviour = [&](const FakeServer::Seen&) {
    if (meanwhile) {
      bench.lane.post(std::exchange(meanwhile, nullptr));
    }
    return FakeServer::status(200);
  };
  send("a1");
  bench.lane.turn();
  REQUIRE(bench.ends.size() == 1);
  CHECK(bench.sent() == "a1\n");  // b and c wait for the next of a, who has an answer

  SUBCASE("when all are back") {
    send("a2");
    CHECK(last_body(2) == "b1\nc1\na2\n");
  }
  SUBCASE("or after a moment, when one stays away, and nobody waits for it again") {
    bench.lane.advance(1ms);
    CHECK(last_body(2) == "b1\nc1\n");
    send("b2");
    CHECK(last_body(2) == "b1\nc1\n");
    send("c2");
    CHECK(last_body(3) == "b2\nc2\n");
  }
  SUBCASE("but one that comes later than that goes out at once") {
    bench.lane.advance(5ms);
    send("b2");
    CHECK(last_body(3) == "b2\n");
  }
  CHECK(bench.out->empty());
}

TEST_CASE("OutputLane: a retry that falls due while another one is sent is not forgotten") {
  OutputOptions options;
  options.spool_after = 1h;  // which would wake it
  OutputBench bench(options);
  int calls = 0;
  bench.server.behaviour = [&](const FakeServer::Seen&) {
    if (++calls == 3) {
      bench.lane.take_time(60s);
    }
    return FakeServer::status(calls <= 2 ? 429 : 200);
  };
  bench.push({"a"}, "one");
  bench.lane.advance(1001ms);
  bench.push({"b"}, "two");
  bench.lane.advance(60s);
  bench.lane.advance(10s);
  CHECK(calls == 4);
  CHECK(bench.out->empty());
}

TEST_CASE("OutputLane: order within a sequence holds over retries") {
  OutputOptions options;
  options.batch_bytes = 1;
  OutputBench bench(options);
  int failures = 3;
  bench.server.behaviour = [&](const FakeServer::Seen&) {
    return failures-- > 0 ? FakeServer::status(503) : FakeServer::status(200);
  };
  for (int i = 0; i < 5; ++i) {
    bench.push({std::to_string(i)});
  }
  bench.lane.advance(120s);
  CHECK(bench.sent() == "0\n0\n0\n0\n1\n2\n3\n4\n");
  CHECK(bench.server.most_in_flight == 1);
  CHECK(bench.out->empty());
  CHECK(bench.ends.size() == 5);
}

TEST_CASE("OutputLane: a tenant that is told to wait waits alone") {
  OutputOptions options;
  options.batch_bytes = 1;
  OutputBench bench(options);
  bench.server.behaviour = [&](const FakeServer::Seen& seen) {
    return FakeServer::status(seen.headers[0].second == "noisy" ? 429 : 200);
  };
  for (int i = 0; i < 3; ++i) {
    bench.push({"n"}, "noisy");
    bench.push({"q"}, "quiet");
  }
  bench.lane.advance(1500ms);
  size_t quiet = 0;
  size_t noisy = 0;
  for (const auto& seen : bench.server.seen) {
    (seen.headers[0].second == "quiet" ? quiet : noisy) += 1;
  }
  CHECK(quiet == 3);
  CHECK(noisy == 1);
  bench.server.behaviour = [](const FakeServer::Seen&) { return FakeServer::status(200); };
  bench.lane.advance(15s);
  CHECK(bench.out->empty());
}

TEST_CASE("OutputLane: too large is cut until it fits, one record alone is refused") {
  OutputBench bench;
  bench.server.behaviour = [](const FakeServer::Seen& seen) {
    return FakeServer::status(seen.body.size() > 4 ? 413 : 200);
  };
  bench.push({"aa", "bb", "cc"});
  bench.push({"toolong"});
  bench.lane.advance(5s);
  CHECK(bench.out->empty());
  CHECK(bench.records(bench.cell->delivered) == 3);
  CHECK(bench.records(bench.cell->refused) == 1);
  CHECK(bench.ends.size() == 2);
  CHECK(bench.shared.memory.used() == 0);
  std::string good;
  for (const auto& seen : bench.server.seen) {
    if (seen.body.size() <= 4) {
      good += seen.body;
    }
  }
  CHECK(good == "aa\nbb\ncc\n");
}

TEST_CASE(
    "OutputLane: refused for one source's sake: the others are delivered, its reader is told") {
  OutputBench bench;
  bench.server.behaviour = [](const FakeServer::Seen& seen) {
    return FakeServer::status(seen.body.find("bad") != std::string::npos ? 409 : 200);
  };
  bench.push({"good1"}, "", true, false);
  bench.push({"bad"}, "", true, false);
  bench.push({"good2"}, "", true, false);
  bench.lane.advance(5s);
  CHECK(bench.out->empty());
  CHECK(bench.records(bench.cell->delivered) == 2);
  CHECK(bench.records(bench.cell->refused) == 1);
  CHECK(std::ranges::count(bench.ends, Outcome::settled) == 2);
  CHECK(std::ranges::count(bench.ends, Outcome::refused) == 1);
}

TEST_CASE("OutputLane: a unit of which a piece is refused by itself hears of that piece only") {
  OutputBench bench;
  bench.server.behaviour = [](const FakeServer::Seen& seen) {
    return FakeServer::status(seen.body.find("old") != std::string::npos ? 409 : 200);
  };
  TellingReceipt client;
  {
    const ReceiptRef receipt(&client);
    bench.push_for(receipt.get(), {"new1", "new2"});
    bench.push_for(receipt.get(), {"old1", "old2", "old3"});
    bench.lane.advance(5s);
  }
  CHECK(bench.out->empty());
  CHECK(client.worst() == Outcome::settled);
  CHECK(client.refused == 3);
  CHECK(client.reason == "http_409");
  CHECK(bench.records(bench.cell->delivered) == 2);
}

TEST_CASE("OutputLane: partly delivered: the rest is booked as refused") {
  OutputBench bench;
  bench.server.behaviour = [](const FakeServer::Seen&) { return FakeServer::status(206, "2"); };
  bench.push({"a", "b", "c"});
  bench.lane.advance(2s);
  CHECK(bench.records(bench.cell->delivered) == 1);
  CHECK(bench.records(bench.cell->refused) == 2);
}

#ifdef TAILRACE_TEST_HOOKS
TEST_CASE("OutputLane: the books show a request that is lost before the seal or after the send") {
  for (const TestPoint point : {TestPoint::before_seal, TestPoint::after_send}) {
    OutputBench bench;
    arm_test_point(point);
    bench.push({"a", "b"});
    bench.lane.advance(5s);
    CHECK(bench.errors() == 1);
    bench.expected_errors = 1;
  }
}
#endif

TEST_CASE("OutputLane: an endpoint that fails is only probed until it works") {
  OutputOptions options;
  options.batch_bytes = 1;
  options.max_backoff = 30s;
  OutputBench bench(options);
  bench.server.behaviour = [](const FakeServer::Seen&) { return FakeServer::no_connection(); };
  for (int i = 0; i < 50; ++i) {
    bench.push({"x"}, std::to_string(i % 10));
  }
  bench.lane.advance(600s);
  CHECK(bench.server.seen.size() < 600);
  CHECK(!bench.out->complaint().empty());
  bench.server.behaviour = [](const FakeServer::Seen&) { return FakeServer::status(200); };
  bench.lane.advance(60s);
  CHECK(bench.out->empty());
  CHECK(bench.out->complaint().empty());
}

TEST_CASE("OutputLane: what is lost with the process is abandoned, not settled") {
  std::vector<Outcome> ends;
  {
    OutputBench bench;
    bench.server.hangs = true;
    bench.push({"flying"}, "", true, false);
    bench.lane.turn();
    bench.push({"open"});
    bench.lane.turn();
    bench.ledger.on_change(nullptr);
    bench.out.reset();
    ends = bench.ends;
  }
  CHECK(ends == std::vector<Outcome>{Outcome::abandoned, Outcome::abandoned});
}
