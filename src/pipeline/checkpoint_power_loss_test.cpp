// The promise of the checkpoint file: what was told to be durable is there after a power loss,
// wherever it strikes, and the file always reads as it was at one moment.

#include <doctest/doctest.h>

#include "pipeline/checkpoint_store.h"
#include "testkit/crash_fs.h"
#include "testkit/manual_lane.h"

using namespace tailrace;
using namespace tailrace::pipeline;
using testkit::CrashFs;
using Kind = CrashFs::Operation::Kind;

namespace {

constexpr uint64_t kUpdates = 45;
constexpr uint64_t kSeeds = 10;

struct Memory {
  uint64_t asked = 0;    // updates that were begun
  uint64_t durable = 0;  // updates that were answered
};

/// Adds rows "1", "2", … one durable update each, and goes on where the file left off.
Memory live(CrashFs& disk, uint64_t updates) {
  Memory memory;
  testkit::ManualLane lane;
  auto store = CheckpointStore::open(disk, "/state", std::chrono::milliseconds(0));
  if (!store) {
    return memory;
  }
  memory.durable = (*store)->at_start().size();
  memory.asked = memory.durable;
  for (const uint64_t end = memory.durable + updates; memory.asked < end;) {
    ++memory.asked;
    bool done = false;
    (*store)->update_durable("pods", std::to_string(memory.asked), "value", lane,
                             [&] { done = true; });
    static_cast<void>((*store)->flush());
    lane.turn();
    if (!done) {
      break;  // the disk is dead
    }
    memory.durable = memory.asked;
  }
  return memory;
}

std::string violation(CrashFs& disk, const Memory& memory) {
  const auto store = CheckpointStore::open(disk, "/state");
  if (!store) {
    return store.error().message;
  }
  const CheckpointRows& rows = (*store)->at_start();
  for (uint64_t n = 1; n <= rows.size(); ++n) {
    const auto row = rows.find({"pods", std::to_string(n)});
    if (row == rows.end() || row->second != "value") {
      return "row " + std::to_string(n) + " is missing";
    }
  }
  if (rows.size() < memory.durable) {
    return "it went back to " + std::to_string(rows.size());
  }
  return rows.size() <= memory.asked ? "" : "it is ahead of time";
}

}  // namespace

TEST_CASE("CheckpointStore: a power loss at any operation takes nothing durable back") {
  uint64_t points = 0;
  for (uint64_t at = 1;; ++at) {
    CAPTURE(at);
    CrashFs disk;
    disk.crash_at(at);
    const Memory memory = live(disk, kUpdates);
    if (!disk.crashed()) {
      CHECK(memory.durable == kUpdates);
      break;
    }
    ++points;
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      CAPTURE(seed);
      const auto after = disk.survive(seed);
      REQUIRE(violation(*after, memory) == "");
      // It strikes again while the next process writes.
      const auto again = disk.survive(seed);
      again->crash_at(1 + (at + seed) % 9);
      const Memory second = live(*again, 3);
      again->crash();
      REQUIRE(violation(*again->survive(seed + at), second) == "");
    }
  }
  MESSAGE(points << " crash points");
  CHECK(points >= 200);
}

// If this fails, the test above has gone blind: it would pass without that fsync.
TEST_CASE("CheckpointStore: a build without one of its fsyncs is found out by a power loss") {
  const uint64_t syncs = [] {
    CrashFs disk;
    live(disk, kUpdates);
    return disk.sync_count();
  }();
  REQUIRE(syncs >= 2 * kUpdates);
  for (uint64_t taken_out = 1; taken_out <= syncs; ++taken_out) {
    CAPTURE(taken_out);
    bool found_out = false;
    for (uint64_t operations_later = 1; operations_later <= 4 && !found_out; ++operations_later) {
      CrashFs disk;
      disk.lie_about_sync(taken_out);
      disk.on_operation([&](const CrashFs::Operation& operation) {
        if (operation.sync_number == taken_out) {
          disk.crash_at(operation.number + operations_later);
        }
      });
      const Memory memory = live(disk, kUpdates);
      disk.on_operation(nullptr);
      disk.crash();
      for (uint64_t seed = 0; seed < kSeeds && !found_out; ++seed) {
        found_out = !violation(*disk.survive(seed), memory).empty();
      }
    }
    CHECK(found_out);
  }
}
