#include "delivery/spool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <numeric>
#include <thread>

#include "delivery/spool_format.h"
#include "delivery/spool_rig_test.h"
#include "testkit/temp_folder.h"

using namespace tailrace;
using namespace tailrace::delivery;
using testkit::CrashFs;
using Kind = CrashFs::Operation::Kind;

namespace {

size_t count(const CrashFs& disk, Kind kind) {
  const auto operations = disk.operations();
  return static_cast<size_t>(
      std::ranges::count_if(operations, [&](const auto& o) { return o.kind == kind; }));
}

std::vector<uint64_t> numbers(uint64_t from, uint64_t to) {
  std::vector<uint64_t> ids(to - from + 1);
  std::iota(ids.begin(), ids.end(), from);
  return ids;
}

/// Stops the spool thread at an operation until it is opened.
class Gate {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    reached_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void wait_until_reached() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return reached_; });
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool reached_ = false;
  bool open_ = false;
};

}  // namespace

TEST_CASE("Spool: what was appended is found again, oldest first, byte for byte") {
  CrashFs disk;
  {
    SpoolRig rig(disk);
    REQUIRE(rig.spool != nullptr);
    CHECK(rig.recovered.empty());
    for (const uint64_t id : numbers(1, 30)) {
      REQUIRE(rig.append(id));
      CHECK(rig.read(rig.answers.at(id).ref).value() == test_payload(id));
    }
    CHECK(rig.spool->stats().records == 30);
    CHECK(rig.spool->stats().segments > 3);
  }
  SpoolRig rig(disk);
  CHECK(rig.recovered_ids() == numbers(1, 30));
  for (const RecoveredRecord& record : rig.recovered) {
    const uint64_t id = record.envelope.order_key;
    CHECK(same(record.envelope, test_envelope(id)));
    CHECK(rig.read(record.ref).value() == test_payload(id));
  }
  CHECK(rig.spool->stats().torn_tails == 0);
  CHECK(rig.spool->stats().bad_records == 0);
}

TEST_CASE("Spool: a record that is larger than a segment has one of its own") {
  CrashFs disk;
  SpoolOptions options = SpoolRig::small_segments();
  options.segment_bytes = 100;
  {
    SpoolRig rig(disk, options);
    for (const uint64_t id : numbers(1, 5)) {
      REQUIRE(rig.append(id));
    }
    CHECK(rig.spool->stats().segments == 5);
  }
  CHECK(SpoolRig(disk, options).recovered_ids() == numbers(1, 5));
}

TEST_CASE("Spool: an empty payload and an empty envelope are records, too") {
  CrashFs disk;
  {
    SpoolRig rig(disk);
    REQUIRE(rig.spool->reserve({}, 0));
    bool answered = false;
    rig.spool->append(rig.lane, {}, {}, [&](Spool::Appended appended) {
      CHECK(appended.status);
      answered = true;
    });
    REQUIRE(rig.lane.turn_until([&] { return answered; }));
  }
  SpoolRig rig(disk);
  REQUIRE(rig.recovered.size() == 1);
  CHECK(same(rig.recovered[0].envelope, Envelope()));
  CHECK(rig.read(rig.recovered[0].ref).value().empty());
}

TEST_CASE("Spool: a segment goes when all its records are settled, in whatever order") {
  CrashFs disk;
  SpoolRig rig(disk);
  for (const uint64_t id : numbers(1, 20)) {
    REQUIRE(rig.append(id));
  }
  const uint64_t segments = rig.spool->stats().segments;
  REQUIRE(segments > 2);
  const uint64_t first = rig.answers.at(1).ref.segment;
  std::vector<uint64_t> of_first;
  for (const auto& [id, answer] : rig.answers) {
    if (answer.ref.segment == first) {
      of_first.push_back(id);
    }
  }
  REQUIRE(of_first.size() > 1);
  std::ranges::reverse(of_first);
  for (const uint64_t id : of_first) {
    CHECK(rig.spool->stats().segments == segments);
    rig.spool->settled(rig.answers.at(id).ref);
  }
  rig.settle_down();
  CHECK(rig.spool->stats().segments == segments - 1);
  CHECK(rig.spool->stats().records == 20 - of_first.size());
  CHECK(rig.read(rig.answers.at(1).ref).error().code == ErrorCode::not_found);

  for (const auto& [id, answer] : rig.answers) {
    if (answer.ref.segment != first) {
      rig.spool->settled(answer.ref);
    }
  }
  rig.settle_down();
  CHECK(rig.spool->stats().segments == 0);
  CHECK(rig.spool->stats().records == 0);
  CHECK(rig.spool->stats().disk_bytes == 0);
  CHECK(disk.paths().empty());
  CHECK(rig.spool->free_budget() == SpoolOptions().disk_budget);

  REQUIRE(rig.append(99));  // and it goes on
  CHECK(rig.spool->stats().segments == 1);
}

TEST_CASE("Spool: records found at start can be settled, and new ones follow them") {
  CrashFs disk;
  {
    SpoolRig rig(disk);
    for (const uint64_t id : numbers(1, 10)) {
      REQUIRE(rig.append(id));
    }
  }
  {
    SpoolRig rig(disk);
    REQUIRE(rig.append(11));
    for (const RecoveredRecord& record : rig.recovered) {
      rig.spool->settled(record.ref);
    }
    rig.settle_down();
    CHECK(rig.spool->stats().records == 1);
    CHECK(rig.spool->stats().segments == 1);
    REQUIRE(rig.append(12));
  }
  CHECK(SpoolRig(disk).recovered_ids() == numbers(11, 12));
}

TEST_CASE("Spool: the budget counts what lies on disk, to the byte") {
  CrashFs disk;
  SpoolOptions options = SpoolRig::small_segments();
  options.disk_budget = 4096;
  SpoolRig rig(disk, options);
  CHECK(rig.spool->free_budget() == 4096);

  const Envelope envelope = test_envelope(1);
  REQUIRE(rig.spool->reserve(envelope, 1000));
  CHECK(rig.spool->free_budget() == 4096 - record_size(envelope, 1000) - kSegmentHeaderSize);
  rig.spool->unreserve(envelope, 1000);
  CHECK(rig.spool->free_budget() == 4096);

  uint64_t id = 0;
  for (;;) {
    ++id;
    if (!rig.spool->reserve(test_envelope(id), test_payload(id).size())) {
      break;
    }
    rig.spool->unreserve(test_envelope(id), test_payload(id).size());
    REQUIRE(rig.append(id));
    uint64_t bytes = 0;
    for (const std::string& path : disk.paths()) {
      bytes += disk.contents(path)->size();
    }
    CHECK(rig.spool->stats().disk_bytes == bytes);
    CHECK(rig.spool->free_budget() == 4096 - bytes);
  }
  CHECK(id > 10);
  CHECK(rig.spool->stats().disk_bytes <= 4096);
  for (const auto& [appended, answer] : rig.answers) {
    rig.spool->settled(answer.ref);
  }
  rig.settle_down();
  CHECK(rig.spool->free_budget() == 4096);
}

TEST_CASE("Spool: a small budget makes small segments, so that space comes back in pieces") {
  CrashFs disk;
  SpoolOptions options;
  options.directory = "/state/spool";
  options.disk_budget = 1 << 20;
  SpoolRig rig(disk, options);
  const std::string payload(30'000, 'x');
  for (int i = 0; i < 20; ++i) {
    REQUIRE(rig.spool->reserve({}, payload.size()));
    bool answered = false;
    rig.spool->append(rig.lane, {}, Bytes::copy_of(payload), [&](auto) { answered = true; });
    REQUIRE(rig.lane.turn_until([&] { return answered; }));
  }
  CHECK(rig.spool->stats().segments >= 5);
}

TEST_CASE("Spool: all that waits is made durable by one fsync") {
  CrashFs disk;
  SpoolOptions options;
  options.directory = "/state/spool";
  SpoolRig rig(disk, options);
  REQUIRE(rig.append(1));
  const size_t syncs = count(disk, Kind::sync_file);
  CHECK(syncs == 1);  // nobody else came, and nobody was waited for
  Gate gate;
  std::atomic<bool> first{true};
  disk.on_operation([&](const CrashFs::Operation& operation) {
    if (operation.kind == Kind::write && first.exchange(false)) {
      gate.wait();
    }
  });
  rig.start_append(2);
  gate.wait_until_reached();
  for (const uint64_t id : numbers(3, 12)) {
    rig.start_append(id);
  }
  gate.open();
  for (const uint64_t id : numbers(2, 12)) {
    REQUIRE(rig.await(id).status);
  }
  CHECK(count(disk, Kind::sync_file) == syncs + 1);
  CHECK(count(disk, Kind::sync_folder) == 1);
  disk.on_operation(nullptr);
}

TEST_CASE("Spool: a stream of company does not put off the fsync for longer than commit_delay") {
  CrashFs disk;
  SpoolOptions options;
  options.directory = "/state/spool";
  options.commit_delay = std::chrono::milliseconds(0);
  SpoolRig rig(disk, options);
  std::atomic<uint64_t> next{2};
  disk.on_operation([&](const CrashFs::Operation& operation) {
    if (operation.kind == Kind::sync_file || operation.kind == Kind::write) {
      const uint64_t id = next.fetch_add(1);
      if (id < 40) {
        rig.start_append(id);  // there is always somebody else
      }
    }
  });
  rig.start_append(1);
  for (const uint64_t id : numbers(1, 39)) {
    REQUIRE(rig.await(id).status);
  }
  CHECK(count(disk, Kind::sync_file) > 3);
  disk.on_operation(nullptr);
}

TEST_CASE("Spool: lanes append, read and settle at once") {
  CrashFs disk;
  constexpr uint64_t kEach = 200;
  std::vector<uint64_t> kept;
  {
    SpoolRig rig(disk);
    auto on_lane = [&](uint64_t first, std::vector<uint64_t>& keeps) {
      testkit::ManualLane lane;
      uint64_t answered = 0;
      for (uint64_t id = first; id < first + kEach; ++id) {
        const std::string payload = test_payload(id);
        // No doctest assertions off the main thread: what fails shows in the count.
        if (!rig.spool->reserve(test_envelope(id), payload.size())) {
          return;
        }
        rig.spool->append(
            lane, test_envelope(id), Bytes::copy_of(payload), [&, id](Spool::Appended appended) {
              rig.spool->read(lane, appended.ref, [&, id, appended_to = appended.ref](auto bytes) {
                answered += bytes && bytes->view() == test_payload(id);
                if (id % 3 == 0) {
                  keeps.push_back(id);
                } else {
                  rig.spool->settled(appended_to);
                }
              });
            });
        lane.turn();
      }
      lane.turn_until([&] { return answered == kEach; });
    };
    std::vector<uint64_t> keeps[2];
    std::thread other([&] { on_lane(1000, keeps[1]); });
    on_lane(1, keeps[0]);
    other.join();
    for (auto& keep : keeps) {
      kept.insert(kept.end(), keep.begin(), keep.end());
    }
    CHECK(kept.size() == 66 + 66);
    rig.settle_down();
    CHECK(rig.spool->stats().records == kept.size());
  }
  SpoolRig rig(disk);
  std::vector<uint64_t> found = rig.recovered_ids();
  std::ranges::sort(found);
  std::ranges::sort(kept);
  CHECK(std::ranges::includes(found, kept));
}

TEST_CASE("Spool: everything that was asked is done before it ends") {
  CrashFs disk;
  {
    SpoolRig rig(disk);
    for (const uint64_t id : numbers(1, 50)) {
      rig.start_append(id);
    }
  }
  CHECK(SpoolRig(disk).recovered_ids() == numbers(1, 50));
}

TEST_CASE("Spool: works on a real file system") {
  testkit::TempFolder folder;
  const auto files = loop::make_posix_file_layer();
  SpoolOptions options = SpoolRig::small_segments();
  options.directory = folder.path("spool/loki@loki");
  {
    SpoolRig rig(*files, options);
    REQUIRE(rig.spool != nullptr);
    for (const uint64_t id : numbers(1, 30)) {
      rig.start_append(id);
    }
    for (const uint64_t id : numbers(1, 30)) {
      REQUIRE(rig.await(id).status);
    }
    for (const uint64_t id : numbers(1, 10)) {
      CHECK(rig.read(rig.answers.at(id).ref).value() == test_payload(id));
      rig.spool->settled(rig.answers.at(id).ref);
    }
    rig.settle_down();
  }
  SpoolRig rig(*files, options);
  const std::vector<uint64_t> found = rig.recovered_ids();
  const std::vector<uint64_t> kept = numbers(11, 30);
  CHECK(std::ranges::includes(found, kept));
  CHECK(found.size() < 30);
  CHECK(found.back() == 30);
  for (const RecoveredRecord& record : rig.recovered) {
    CHECK(rig.read(record.ref).value() == test_payload(record.envelope.order_key));
    rig.spool->settled(record.ref);
  }
  rig.settle_down();
  CHECK(files->list(options.directory).value().empty());
}
