// The promise of the spool: what was answered ok is there after a power loss, wherever it strikes.

#include <algorithm>
#include <random>

#include "delivery/spool_rig_test.h"

using namespace tailrace;
using namespace tailrace::delivery;
using testkit::CrashFs;
using Kind = CrashFs::Operation::Kind;

namespace {

/// What a person with perfect memory would know of a spool.
struct Memory {
  std::set<uint64_t> submitted;        // ever handed to append()
  std::vector<uint64_t> acknowledged;  // answered ok, in order
  std::set<uint64_t> settled;

  std::vector<uint64_t> must_be_there() const {
    std::vector<uint64_t> ids = acknowledged;
    std::erase_if(ids, [&](uint64_t id) { return settled.count(id) != 0; });
    return ids;
  }
};

/// One life of a spool: appends, alone and in company, and settles, until the disk dies or it is
/// done. `first` is the number of its first record.
void live(SpoolRig& rig, Memory& memory, uint64_t first, uint64_t records, bool in_company) {
  std::mt19937_64 random(first);
  std::map<uint64_t, SpoolRef> waiting;
  for (const RecoveredRecord& record : rig.recovered) {
    waiting[record.envelope.order_key] = record.ref;
  }
  for (uint64_t id = first; id < first + records;) {
    const uint64_t end = std::min(first + records, id + (in_company ? 1 + random() % 4 : 1));
    const uint64_t begin = id;
    for (; id < end; ++id) {
      memory.submitted.insert(id);
      rig.start_append(id);
    }
    for (uint64_t answered = begin; answered < end; ++answered) {
      const Spool::Appended& answer = rig.await(answered);
      if (answer.status) {
        memory.acknowledged.push_back(answered);
        waiting[answered] = answer.ref;
      } else if (answer.payload.view() != test_payload(answered)) {
        FAIL("the payload did not come back");
      }
    }
    while (waiting.size() > 12) {  // mostly the oldest, as a sender does
      const auto at = random() % 5 == 0 ? std::next(waiting.begin(), 3) : waiting.begin();
      memory.settled.insert(at->first);
      rig.spool->settled(at->second);
      waiting.erase(at);
    }
  }
}

/// What is wrong with a spool as it was found after the crash; empty when nothing is.
std::string violation(SpoolRig& rig, const Memory& memory) {
  if (rig.spool == nullptr) {
    return "it does not open: " + rig.failure.message;
  }
  const std::vector<uint64_t> must = memory.must_be_there();
  size_t next = 0;
  std::set<uint64_t> seen;
  std::map<uint64_t, Bytes> payloads;
  size_t answers = 0;
  for (const RecoveredRecord& record : rig.recovered) {
    rig.spool->read(rig.lane, record.ref,
                    [&, id = record.envelope.order_key](Result<Bytes> payload) {
                      ++answers;
                      if (payload) {
                        payloads[id] = std::move(*payload);
                      }
                    });
  }
  if (!rig.lane.turn_until([&] { return answers == rig.recovered.size(); })) {
    return "a read is not answered";
  }
  for (const RecoveredRecord& record : rig.recovered) {
    const uint64_t id = record.envelope.order_key;
    const std::string name = "record " + std::to_string(id);
    if (memory.submitted.count(id) == 0) {
      return name + " was never appended";
    }
    if (!seen.insert(id).second) {
      return name + " is there twice";
    }
    if (payloads[id].view() != test_payload(id) || !same(record.envelope, test_envelope(id))) {
      return name + " is not what was appended";
    }
    if (next < must.size() && id == must[next]) {
      ++next;
    } else if (std::ranges::count(must, id) != 0) {
      return name + " is out of order";
    }
  }
  return next == must.size() ? "" : "record " + std::to_string(must[next]) + " is lost";
}

constexpr uint64_t kRecords = 80;
constexpr uint64_t kSeeds = 8;

}  // namespace

TEST_CASE("Spool: a power loss at any operation loses nothing that was answered ok") {
  uint64_t points = 0;
  uint64_t states = 0;
  for (uint64_t at = 1;; ++at) {
    CAPTURE(at);
    CrashFs disk;
    disk.crash_at(at);
    Memory memory;
    {
      SpoolRig rig(disk);
      if (rig.spool != nullptr) {
        live(rig, memory, 1, kRecords, true);
      }
    }
    if (!disk.crashed()) {
      break;
    }
    ++points;
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      CAPTURE(seed);
      const auto after = disk.survive(seed);
      // It strikes again while the next process clears up or goes on.
      after->crash_at(1 + (at + seed * 5) % 31);
      Memory second = memory;
      {
        SpoolRig rig(*after);
        if (rig.spool != nullptr) {
          if (!after->crashed()) {
            REQUIRE(violation(rig, memory) == "");
            ++states;
          }
          // What of the first life was not confirmed and is found belongs to the second.
          live(rig, second, 1000, 8, true);
        }
      }
      after->crash();
      const auto last = after->survive(seed * 7 + at);
      SpoolRig rig(*last);
      REQUIRE(violation(rig, second) == "");
      ++states;
    }
  }
  MESSAGE(points << " crash points, " << states << " states of the disk");
  CHECK(points >= 200);
}

TEST_CASE("Spool: a failed fsync and then a power loss lose nothing that was answered ok") {
  uint64_t points = 0;
  for (uint64_t sync = 1;; ++sync) {
    CAPTURE(sync);
    for (const uint64_t operations_later : {1, 2, 3, 4, 6, 9, 1000}) {
      CAPTURE(operations_later);
      CrashFs disk;
      disk.fail_sync(sync);
      disk.on_operation([&](const CrashFs::Operation& operation) {
        if (operation.sync_number == sync) {
          disk.crash_at(operation.number + operations_later);
        }
      });
      Memory memory;
      {
        SpoolRig rig(disk);
        live(rig, memory, 1, kRecords, true);
      }
      disk.on_operation(nullptr);
      if (disk.sync_count() < sync) {
        CHECK(points > 100);
        return;
      }
      disk.crash();
      ++points;
      for (uint64_t seed = 0; seed < kSeeds; ++seed) {
        CAPTURE(seed);
        const auto after = disk.survive(seed);
        SpoolRig rig(*after);
        REQUIRE(violation(rig, memory) == "");
      }
    }
  }
}

// If one of these fails, the tests above have gone blind: they would pass without that fsync.
TEST_CASE("Spool: a build without one of its fsyncs is found out by a power loss") {
  const uint64_t syncs = [] {
    CrashFs disk;
    Memory memory;
    SpoolRig rig(disk);
    live(rig, memory, 1, kRecords, false);
    return disk.sync_count();
  }();
  CHECK(syncs > kRecords);
  for (uint64_t taken_out = 1; taken_out <= syncs; ++taken_out) {
    CAPTURE(taken_out);
    bool found_out = false;
    for (uint64_t operations_later = 1; operations_later <= 6 && !found_out; ++operations_later) {
      CrashFs disk;
      disk.lie_about_sync(taken_out);
      disk.on_operation([&](const CrashFs::Operation& operation) {
        if (operation.sync_number == taken_out) {
          disk.crash_at(operation.number + operations_later);
        }
      });
      Memory memory;
      {
        SpoolRig rig(disk);
        live(rig, memory, 1, kRecords, false);
      }
      disk.on_operation(nullptr);
      disk.crash();
      for (uint64_t seed = 0; seed < kSeeds && !found_out; ++seed) {
        const auto after = disk.survive(seed);
        SpoolRig rig(*after);
        found_out = !violation(rig, memory).empty();
      }
    }
    CHECK(found_out);
  }
}

TEST_CASE("Spool: a build without fsyncs of files, or without those of its folder, is found out") {
  for (const Kind kind : {Kind::sync_file, Kind::sync_folder}) {
    CrashFs disk;
    disk.lie_about_syncs(kind);
    Memory memory;
    {
      SpoolRig rig(disk);
      live(rig, memory, 1, kRecords, true);
    }
    disk.crash();
    bool found_out = false;
    for (uint64_t seed = 0; seed < kSeeds && !found_out; ++seed) {
      const auto after = disk.survive(seed);
      SpoolRig rig(*after);
      found_out = !violation(rig, memory).empty();
    }
    CHECK(found_out);
  }
}
