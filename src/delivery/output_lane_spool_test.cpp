#include "delivery/output_lane_test.h"

// Requests that cannot be delivered: on disk, in full memory, and at shutdown.

using namespace tailrace;
using namespace tailrace::delivery;
using namespace std::chrono_literals;

TEST_CASE("OutputLane: what waits too long moves to the spool and releases its receipts") {
  OutputBench bench;
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
  OutputBench bench(options);
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
  OutputBench bench(options, 3 << 20);
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
  OutputBench bench(options, 100);
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
  OutputBench bench;
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
  OutputBench bench(options, 10);
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
  OutputBench bench(options, 1 << 20);
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
  OutputBench bench;
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
  OutputBench bench(options);
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

TEST_CASE(
    "OutputLane: what was found in the spool goes first, and newer requests of its tenant wait") {
  OutputOptions options;
  options.batch_bytes = 1;
  OutputBench bench(options);
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

TEST_CASE("OutputLane: at shutdown everything is durable, also what was in flight") {
  OutputBench bench;
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
    OutputBench bench(options, 30);
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
  OutputBench bench;
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
