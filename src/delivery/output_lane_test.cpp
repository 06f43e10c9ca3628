#include "delivery/output_lane.h"

#include <doctest/doctest.h>

#include "tailrace/partial_receipt.h"

#include "base/metrics_registry.h"
#include "delivery/test_hooks.h"
#include "testkit/fake_net.h"
#include "testkit/manual_lane.h"
#include "testkit/memory_spool.h"
#include "testkit/word_output.h"

using namespace tailrace;
using namespace tailrace::delivery;
using namespace std::chrono_literals;
using testkit::FakeServer;

namespace {

struct CountingReceipt final : Receipt {
  CountingReceipt(std::vector<Outcome>& ends, bool awaited, bool rereadable)
      : Receipt(awaited, rereadable), ends(ends) {}
  void released(Outcome worst) noexcept override {
    ends.push_back(worst);
    delete this;
  }
  std::vector<Outcome>& ends;
};

/// Of a client that can be told how many of its records were refused.
struct TellingReceipt final : PartialReceipt {
  TellingReceipt() : PartialReceipt(/*awaited=*/true, /*rereadable=*/false) {}
  void refused_partly(uint64_t records, bool alone, std::string_view why,
                      const void*) noexcept override {
    refused += alone ? records : 0;
    reason = why;
  }
  void released(Outcome) noexcept override {}
  uint64_t refused = 0;
  std::string reason;
};

/// One output on one lane, with a server and a spool that the test plays.
struct Bench {
  explicit Bench(OutputOptions options = {}, uint64_t disk = 1 << 30) : shared(options) {
    auto made = std::make_unique<testkit::MemorySpool>(disk);
    spool = made.get();
    shared.spool = std::move(made);
    output = std::make_unique<testkit::WordOutput>(server.channel(lane));
    ledger.on_change([this] { lane.at_end_of_turn([this] { ledger.check(); }); });
    out = std::make_unique<OutputLane>(lane, *output, shared, ledger, metrics);
    cell = &ledger.cell("in", "pipe", "out");
    out->start();
  }
  ~Bench() {
    lane.turn();
    CHECK(errors() == expected_errors);
    ledger.on_change(nullptr);
    out.reset();
  }

  void push(std::vector<std::string> words, std::string_view tenant = "", bool awaited = false,
            bool rereadable = true) {
    const ReceiptRef receipt(new CountingReceipt(ends, awaited, rereadable));
    push_for(receipt.get(), std::move(words), tenant);
  }
  void push_for(Receipt* receipt, std::vector<std::string> words, std::string_view tenant = "") {
    testkit::WordBatch batch;
    batch.tenant = tenant;
    batch.words = std::move(words);
    batch.receipt = receipt;
    cell->count(cell->taken, batch.weight());
    tenants.clear();
    out->append(batch, *cell, tenants);
  }
  std::string sent() const {
    std::string all;
    for (const auto& call : server.seen) {
      all += call.body;
    }
    return all;
  }
  double errors() {
    for (const auto& family : registry.read()) {
      if (family.name == "tailrace_ledger_errors_total") {
        return family.samples[0].value;
      }
    }
    return -1;
  }
  int64_t records(const Tally& tally) { return tally.records.value(); }

  MetricsRegistry registry;
  Metrics& metrics = registry.scope(0, {});
  testkit::ManualLane lane;
  FakeServer server;
  Ledger ledger{0, metrics};
  OutputShared shared;
  testkit::MemorySpool* spool = nullptr;
  std::unique_ptr<testkit::WordOutput> output;
  std::unique_ptr<OutputLane> out;
  LedgerCell* cell = nullptr;
  std::vector<Tenant*> tenants;
  std::vector<Outcome> ends;
  double expected_errors = 0;
};

}  // namespace

TEST_CASE("OutputLane: a request is sealed by age, delivered, and its receipts are released") {
  Bench bench;
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
  Bench bench(options);
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
  Bench bench;
  bench.push({"a"}, "", true, false);
  bench.lane.turn();
  CHECK(bench.sent() == "a\n");
  CHECK(bench.ends.size() == 1);
}

TEST_CASE("OutputLane: senders that were answered together go out together again") {
  Bench bench;
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
  Bench bench(options);
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
  Bench bench(options);
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
  Bench bench(options);
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
  Bench bench;
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
  Bench bench;
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
  Bench bench;
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
  Bench bench;
  bench.server.behaviour = [](const FakeServer::Seen&) { return FakeServer::status(206, "2"); };
  bench.push({"a", "b", "c"});
  bench.lane.advance(2s);
  CHECK(bench.records(bench.cell->delivered) == 1);
  CHECK(bench.records(bench.cell->refused) == 2);
}

TEST_CASE("OutputLane: what waits too long moves to the spool and releases its receipts") {
  Bench bench;
  bench.server.hangs = true;
  bench.push({"a"}, "", false, true);
  bench.lane.advance(2s);
  CHECK(bench.ends.empty());
  CHECK(bench.spool->records.empty());
  bench.push({"b"}, "", true, false);
  bench.lane.advance(5s);
  CHECK(bench.ends.size() == 1);  // b cannot be read again
  bench.lane.advance(40s);
  CHECK(bench.ends.size() == 2);
  CHECK(bench.spool->records.size() == 2);
}

TEST_CASE("OutputLane: spooled requests are sent in order when the server is back") {
  OutputOptions options;
  options.batch_bytes = 1;
  Bench bench(options);
  bench.server.behaviour = [](const FakeServer::Seen&) { return FakeServer::no_connection(); };
  for (int i = 0; i < 20; ++i) {
    bench.push({std::to_string(i)});
  }
  bench.lane.advance(60s);
  CHECK(bench.spool->records.size() == 20);
  CHECK(bench.ends.size() == 20);
  bench.push({"new"});
  bench.server.seen.clear();
  bench.server.behaviour = [](const FakeServer::Seen&) { return FakeServer::status(200); };
  bench.lane.advance(60s);
  CHECK(bench.out->empty());
  CHECK(bench.spool->records.empty());
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    expected += std::to_string(i) + "\n";
  }
  CHECK(bench.sent() == expected + "new\n");
  CHECK(bench.shared.memory.used() == 0);
}

TEST_CASE("OutputLane: full memory goes to the spool, a full spool stops credit, and both end") {
  OutputOptions options;
  options.memory_bytes = 4 << 20;
  options.batch_bytes = 100'000;
  Bench bench(options, 3 << 20);
  bench.server.hangs = true;
  const std::string word(90'000, 'x');
  int pushed = 0;
  auto has_room = [&] { return bench.out->has_room(256 * 1024, bench.tenants); };
  while (has_room() && pushed < 1000) {
    bench.push({word});
    ++pushed;
    bench.lane.turn();
  }
  // A server that has only just begun to hang: its requests may well leave in a moment.
  CHECK(bench.out->has_enough_to_send());
  CHECK(bench.spool->records.empty());
  const int before = pushed;
  for (int tick = 0; tick < 10; ++tick) {
    bench.lane.advance(500ms);
    while (has_room() && pushed < 1000) {
      bench.push({word});
      ++pushed;
      bench.lane.turn();
    }
  }
  CHECK(pushed > before);
  CHECK(pushed < 100);
  CHECK(bench.spool->records.size() > 20);
  CHECK(bench.shared.memory.used() <= options.memory_bytes);
  CHECK(bench.records(bench.cell->dropped) == 0);
}

TEST_CASE("OutputLane: with the server down and the disk full nobody shall wait to be settled") {
  OutputOptions options;
  options.batch_bytes = 1;
  Bench bench(options, 100);
  bench.server.behaviour = [](const FakeServer::Seen&) { return FakeServer::no_connection(); };
  const std::string large(200, 'x');
  CHECK(bench.out->may_settle());
  bench.push({"small"}, "", true, false);
  bench.lane.advance(60s);
  CHECK(bench.out->complaint() != "");
  CHECK(bench.spool->records.size() == 1);
  CHECK(bench.out->may_settle());  // there is room on disk as far as is known
  bench.push({large}, "", true, false);
  CHECK(bench.out->may_settle());
  bench.lane.advance(2s);
  CHECK_FALSE(bench.out->may_settle());
  CHECK(bench.ends.size() == 1);
  CHECK(bench.out->has_room(1000, bench.tenants));  // memory has some, for who does not wait

  SUBCASE("the disk gets room") {
    bench.spool->budget = 1000;
    bench.lane.advance(2s);
    CHECK(bench.out->may_settle());
    CHECK(bench.ends.size() == 2);
  }
  SUBCASE("the server comes back") {
    bench.server.behaviour = [](const FakeServer::Seen&) { return FakeServer::status(200); };
    bench.lane.advance(60s);
    CHECK(bench.out->may_settle());
    CHECK(bench.ends.size() == 2);
  }
}

TEST_CASE("OutputLane: a server that is slow to answer is not down, one that hangs is") {
  Bench bench;
  bench.spool->full = true;
  bench.server.hangs = true;
  bench.push({"a"}, "", true, false);
  bench.lane.advance(3s);
  CHECK(bench.out->may_settle());
  SUBCASE("with one tenant") {
    bench.lane.advance(3s);
    CHECK_FALSE(bench.out->may_settle());
  }
  SUBCASE("of several one may have been told to wait") {
    bench.push({"b"}, "other", true, false);
    bench.lane.advance(10s);
    CHECK(bench.out->may_settle());
  }
}

TEST_CASE("OutputLane: without a disk, or where the oldest goes, newcomers are always welcome") {
  OutputOptions options;
  options.drop_oldest = true;
  Bench bench(options, 10);
  bench.server.behaviour = [](const FakeServer::Seen&) { return FakeServer::no_connection(); };
  SUBCASE("no disk") {
    bench.shared.spool.reset();
  }
  SUBCASE("drop_oldest") {}
  bench.push({"aaaaaaaaaaaa"}, "", true, false);
  bench.lane.advance(60s);
  CHECK(bench.out->complaint() != "");
  CHECK(bench.out->may_settle());
}

TEST_CASE("OutputLane: drop_oldest drops the oldest that is not in flight, counted") {
  OutputOptions options;
  options.memory_bytes = 4 << 20;
  options.batch_bytes = 100'000;
  options.drop_oldest = true;
  Bench bench(options, 1 << 20);
  bench.server.hangs = true;
  for (int i = 0; i < 200; ++i) {
    bench.push({std::to_string(i) + std::string(90'000, 'x')});
    bench.lane.advance(100ms);
    CHECK(bench.out->has_room(256 * 1024, bench.tenants));
  }
  CHECK(bench.records(bench.cell->dropped) > 100);
  CHECK(bench.shared.memory.used() <= options.memory_bytes);
}

TEST_CASE("OutputLane: a full disk keeps requests in memory and goes on when there is room") {
  Bench bench;
  bench.spool->full = true;
  bench.server.hangs = true;
  bench.push({"a"}, "", true, false);
  bench.lane.advance(10s);
  CHECK(bench.ends.empty());
  bench.spool->full = false;
  bench.lane.advance(10s);
  CHECK(bench.ends.size() == 1);
  CHECK(bench.spool->records.size() == 1);
}

TEST_CASE(
    "OutputLane: a spooled record that does not verify is dropped and counted, the next "
    "ones go on") {
  OutputOptions options;
  options.batch_bytes = 1;
  Bench bench(options);
  bench.server.behaviour = [](const FakeServer::Seen&) { return FakeServer::no_connection(); };
  bench.push({"a"}, "", false, false);
  bench.lane.advance(10s);
  REQUIRE(bench.spool->records.size() == 1);
  bench.spool->corrupt = true;
  bench.server.behaviour = [](const FakeServer::Seen&) { return FakeServer::status(200); };
  bench.push({"b"});
  bench.lane.advance(60s);
  CHECK(bench.records(bench.cell->dropped) == 1);
  CHECK(bench.records(bench.cell->delivered) == 1);
}

TEST_CASE("OutputLane: at shutdown everything is durable, also what was in flight") {
  Bench bench;
  bench.server.hangs = true;
  bench.push({"flying"}, "", true, false);
  bench.lane.turn();
  bench.push({"open"});
  bool done = false;
  bench.out->spool_rest([&] { done = true; });
  bench.lane.turn();
  CHECK(done);
  CHECK(bench.spool->records.size() == 2);
  CHECK(bench.ends.size() == 2);
  bench.ledger.on_change(nullptr);
  bench.out.reset();
  CHECK(bench.spool->records.size() == 2);  // for the next run
}

TEST_CASE("OutputLane: at shutdown nothing is made durable before what it must come behind") {
  for (const bool rereadable : {true, false}) {
    OutputOptions options;
    options.batch_bytes = 1;
    Bench bench(options, 30);
    bench.server.hangs = true;
    bench.push({"first"});
    bench.push({std::string(60, 'x')});  // has no room on the disk
    bench.push({"third"}, "", false, rereadable);
    bench.lane.advance(10ms);
    bool done = false;
    bench.out->spool_rest([&] { done = true; });
    bench.lane.turn();
    CHECK(done);
    // What cannot be read again is saved all the same.
    CHECK(bench.spool->records.size() == (rereadable ? 1 : 2));
    CHECK(bench.ends.size() == (rereadable ? 1 : 2));
  }
}

TEST_CASE("OutputLane: what is being taken apart at shutdown is durable, too") {
  Bench bench;
  bench.server.behaviour = [](const FakeServer::Seen&) { return FakeServer::status(413); };
  bench.push({"one", "two"}, "", false, false);
  bool done = false;
  bench.lane.post([&] {
    bench.out->seal_all();
    // Behind the answer, before the worker's.
    bench.lane.at_end_of_turn(
        [&] { bench.lane.post([&] { bench.out->spool_rest([&] { done = true; }); }); });
  });
  bench.lane.turn();
  CHECK(done);
  std::string spooled;
  for (const auto& [offset, record] : bench.spool->records) {
    spooled += record.payload;
  }
  CHECK(spooled == "one\ntwo\n");
  CHECK(bench.ends == std::vector<Outcome>{Outcome::settled});
}

#ifdef TAILRACE_TEST_HOOKS
TEST_CASE("OutputLane: the books show a request that is lost before the seal or after the send") {
  for (const TestPoint point : {TestPoint::before_seal, TestPoint::after_send}) {
    Bench bench;
    arm_test_point(point);
    bench.push({"a", "b"});
    bench.lane.advance(5s);
    CHECK(bench.errors() == 1);
    bench.expected_errors = 1;
  }
}
#endif

TEST_CASE(
    "OutputLane: what was found in the spool goes first, and newer requests of its tenant wait") {
  OutputOptions options;
  options.batch_bytes = 1;
  Bench bench(options);
  std::vector<RecoveredRecord> found;
  for (int i = 0; i < 3; ++i) {
    Envelope envelope;
    envelope.tenant = "t";
    envelope.sources.emplace_back("in", "pipe");
    envelope.parts.push_back({0, {0, 4, {1, 3}}});
    bench.spool->records[100 + i] = {envelope, "old" + std::to_string(i) + "\n"};
    found.push_back({{1, static_cast<uint64_t>(100 + i), 5}, envelope});
  }
  bench.shared.recovered["t"].store(1);
  bench.out->adopt(std::move(found));
  bench.push({"new"}, "t");
  bench.push({"other"}, "u");
  bench.out->start();
  bench.lane.advance(10s);
  CHECK(bench.out->empty());
  std::string of_t;
  for (const auto& seen : bench.server.seen) {
    of_t += seen.headers[0].second == "t" ? seen.body : "";
  }
  CHECK(of_t == "old0\nold1\nold2\nnew\n");
}

TEST_CASE("OutputLane: an endpoint that fails is only probed until it works") {
  OutputOptions options;
  options.batch_bytes = 1;
  options.max_backoff = 30s;
  Bench bench(options);
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
    Bench bench;
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
