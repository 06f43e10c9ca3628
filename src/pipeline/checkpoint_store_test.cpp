#include "pipeline/checkpoint_store.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "delivery/state_header.h"
#include "pipeline/checkpoint_format.h"
#include "pipeline/checkpoint_fuzz.h"
#include "testkit/crash_fs.h"
#include "testkit/manual_lane.h"
#include "testkit/temp_folder.h"

using namespace tailrace;
using namespace tailrace::pipeline;
using namespace std::chrono_literals;
using testkit::CrashFs;
using Kind = CrashFs::Operation::Kind;

namespace {

std::unique_ptr<CheckpointStore> open(CrashFs& disk, std::chrono::milliseconds interval = 1s) {
  auto store = CheckpointStore::open(disk, "/state", interval);
  REQUIRE(store);
  return std::move(*store);
}

void update_and_wait(CheckpointStore& store, testkit::ManualLane& lane, const std::string& key,
                     const std::string& value) {
  bool done = false;
  store.update_durable("pods", key, value, lane, [&] { done = true; });
  REQUIRE(lane.turn_until([&] { return done; }));
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    text += fmt::format("{}{:02x}",
                        i == 0        ? ""
                        : i % 16 == 0 ? "\n"
                                      : " ",
                        static_cast<unsigned char>(bytes[i]));
  }
  return text;
}

const CheckpointRows kRows = {{{"apps", ""}, ""},
                              {{"pods", "a"}, std::string("\0\n\xff", 3)},
                              {{"pods", "b"}, std::string(5000, 'v')}};

}  // namespace

// The worked example of CHECKPOINT_FORMAT.md. A change here needs a new version, and a reader for
// the old one.
TEST_CASE("checkpoint format: the bytes are those of the format page") {
  std::string bytes = encode_checkpoints({{{"pods", "k"}, "4711"}}, 3);
  // The build is whatever was built; the page shows 0.1.0.
  const std::string header =
      delivery::encode_state_header(kCheckpointMagic, {kCheckpointVersion, 3, 0, "0.1.0"});
  bytes.replace(0, header.size(), header);
  CHECK(hex(bytes) ==
        "54 52 43 48 45 43 4b 0a 01 00 00 00 40 00 00 00\n"
        "03 00 00 00 00 00 00 00 00 00 00 00 30 2e 31 2e\n"
        "30 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
        "00 00 00 00 00 00 00 00 00 00 00 00 b3 3d 55 84\n"
        "01 00 00 00 00 00 00 00 15 00 00 00 00 00 00 00\n"
        "3e e1 19 b6 04 00 00 00 01 00 00 00 04 00 00 00\n"
        "70 6f 64 73 6b 34 37 31 31");
}

TEST_CASE("checkpoint format: rows come back as they went in") {
  for (const CheckpointRows& rows : {CheckpointRows(), kRows}) {
    const auto file = decode_checkpoints(encode_checkpoints(rows, 77), "x");
    REQUIRE(file);
    CHECK(file->rows == rows);
    CHECK(file->number == 77);
  }
}

TEST_CASE("checkpoint format: any damage is noticed") {
  const CheckpointRows rows = {{{"a", "b"}, "c"}, {{"pods", "key"}, "value"}};
  const std::string good = encode_checkpoints(rows, 1);
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    CHECK(decode_checkpoints(bytes, "x").error().code == ErrorCode::corrupt);
    CHECK(decode_checkpoints(good.substr(0, at), "x").error().code == ErrorCode::corrupt);
  }
  CHECK(decode_checkpoints(good + "x", "x").error().code == ErrorCode::corrupt);
  CHECK(decode_checkpoints(good, "x"));
}

TEST_CASE("checkpoint format: the reader stands whatever bytes it gets") {
  std::mt19937_64 random(1);
  const std::string good = encode_checkpoints({{{"a", "b"}, "c"}, {{"pods", "key"}, "v"}}, 1);
  const std::string body = good.substr(84);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = i % 2 == 0 ? good : body;
    for (uint64_t edits = random() % 4; edits > 0; --edits) {
      bytes[random() % bytes.size()] = static_cast<char>(random() % 8);
    }
    fuzz_checkpoints(bytes);
  }
}

TEST_CASE("CheckpointStore: keeps rows over a restart, and forgets removed ones") {
  CrashFs disk;
  {
    auto store = open(disk);
    CHECK(store->at_start().empty());
    for (const auto& [key, value] : kRows) {
      store->update(key.first, key.second, value);
    }
    store->update("gone", "x", "1");
    CHECK(store->flush());
    CHECK(store->stats().rows == 4);
    store->update("gone", "x", std::nullopt);
    CHECK(store->at_start().empty());
  }
  auto store = open(disk);
  CHECK(store->at_start() == kRows);
  CHECK(store->stats().rows == 3);
  CHECK(disk.paths() == std::vector<std::string>{"/state/checkpoints"});
}

TEST_CASE("CheckpointStore: writes at most once per interval, and never without a change") {
  CrashFs disk;
  auto store = open(disk, 1h);
  store->update("pods", "a", "1");
  REQUIRE(store->flush());
  const uint64_t operations = disk.operation_count();
  for (int i = 0; i < 1000; ++i) {
    store->update("pods", "b", std::to_string(i));
  }
  CHECK(disk.operation_count() == operations);  // an hour has not passed
  REQUIRE(store->flush());
  CHECK(store->stats().writes == 2);
  store->update("pods", "b", "999");  // as it is
  store->update("pods", "none", std::nullopt);
  REQUIRE(store->flush());
  REQUIRE(store->flush());
  CHECK(store->stats().writes == 2);
}

TEST_CASE("CheckpointStore: writes by itself when the interval has passed") {
  CrashFs disk;
  auto store = open(disk, 5ms);
  std::mutex mutex;
  std::condition_variable renamed;
  int renames = 0;
  disk.on_operation([&](const CrashFs::Operation& operation) {
    if (operation.kind == Kind::rename) {
      std::lock_guard lock(mutex);
      ++renames;
      renamed.notify_one();
    }
  });
  for (int i = 1; i <= 3; ++i) {
    store->update("pods", "a", std::to_string(i));
    std::unique_lock lock(mutex);
    CHECK(renamed.wait_for(lock, 30s, [&] { return renames == i; }));
  }
  store.reset();
  disk.on_operation(nullptr);
}

TEST_CASE("CheckpointStore: a durable update is answered when it is on disk") {
  CrashFs disk;
  auto store = open(disk, 1h);
  testkit::ManualLane lane;
  for (int i = 0; i < 5; ++i) {
    update_and_wait(*store, lane, "a", std::to_string(i));
    update_and_wait(*store, lane, "a", std::to_string(i));  // nothing new: durable already
    for (uint64_t seed = 0; seed < 8; ++seed) {
      const auto after = disk.survive(seed);
      CHECK(open(*after)->at_start().at({"pods", "a"}) == std::to_string(i));
    }
  }
  CHECK(store->stats().writes == 5);
}

TEST_CASE("CheckpointStore: a full disk is told, tried again, and loses no update") {
  CrashFs disk;
  auto store = open(disk, 1ms);
  testkit::ManualLane lane;
  update_and_wait(*store, lane, "a", "1");
  const std::string good = *disk.contents("/state/checkpoints");
  disk.set_capacity(good.size() + 20);
  store->update("pods", "a", "2");
  const Status failed = store->flush();
  REQUIRE(!failed);
  CHECK(failed.error().code == ErrorCode::no_space);
  CHECK(store->stats().failing);
  CHECK(store->stats().failures > 0);
  CHECK(!store->stats().last_error.empty());
  CHECK(disk.contents("/state/checkpoints") == good);
  CHECK(disk.paths().size() == 1);  // the half-written file is gone: its bytes are needed

  bool done = false;
  store->update_durable("pods", "b", "3", lane, [&] { done = true; });
  CHECK(!store->flush());
  lane.turn();
  CHECK(!done);
  disk.set_capacity(1 << 20);
  REQUIRE(lane.turn_until([&] { return done; }));
  CHECK(!store->stats().failing);
  store.reset();
  CHECK(open(disk)->at_start() == CheckpointRows{{{"pods", "a"}, "2"}, {{"pods", "b"}, "3"}});
}

TEST_CASE("CheckpointStore: after a failed fsync the file is written anew, never synced again") {
  CrashFs disk;
  auto store = open(disk, 1ms);
  testkit::ManualLane lane;
  for (uint64_t i = 1; i <= 4; ++i) {
    disk.fail_sync(disk.sync_count() + 1 + i % 2);  // the file's and the folder's in turn
    update_and_wait(*store, lane, "a", std::to_string(i));
    CHECK(store->stats().failures == i);
    for (uint64_t seed = 0; seed < 8; ++seed) {
      const auto after = disk.survive(seed);
      CHECK(open(*after)->at_start().at({"pods", "a"}) == std::to_string(i));
    }
  }
  uint64_t creations = 0;
  uint64_t syncs = 0;
  for (const auto& operation : disk.operations()) {
    creations += operation.kind == Kind::create;
    syncs += operation.kind == Kind::sync_file;
    CHECK(syncs <= creations);
  }
}

TEST_CASE("CheckpointStore: a file that does not verify is kept aside and told") {
  CrashFs disk;
  disk.overwrite("/state/checkpoints.corrupt-1", "from an earlier time");
  disk.overwrite("/state/checkpoints", "garbage");
  const auto refused = CheckpointStore::open(disk, "/state");
  REQUIRE(!refused);
  CHECK(refused.error().code == ErrorCode::corrupt);
  CHECK(refused.error().message.find("/state/checkpoints.corrupt-2") != std::string::npos);
  CHECK(disk.contents("/state/checkpoints.corrupt-1") == "from an earlier time");
  CHECK(disk.contents("/state/checkpoints.corrupt-2") == "garbage");
  auto store = open(disk);  // the caller decided to go on
  CHECK(store->at_start().empty());
  CHECK(store->stats().corrupt_files == 2);
}

TEST_CASE("CheckpointStore: a file from a newer version is refused and left as it is") {
  CrashFs disk;
  const std::string newer = delivery::encode_state_header(kCheckpointMagic, {2, 1, 0, "9.1.0"});
  disk.overwrite("/state/checkpoints", newer);
  const auto refused = CheckpointStore::open(disk, "/state");
  REQUIRE(!refused);
  CHECK(refused.error().code == ErrorCode::unsupported);
  CHECK(refused.error().message.find("9.1.0") != std::string::npos);
  CHECK(disk.contents("/state/checkpoints") == newer);
}

TEST_CASE("CheckpointStore: an unreadable file is an error, not an empty start") {
  CrashFs disk;
  disk.overwrite("/state/checkpoints", encode_checkpoints(kRows, 1));
  disk.fail_reads_of("checkpoints");
  CHECK(CheckpointStore::open(disk, "/state").error().code == ErrorCode::io);
  CHECK(disk.paths().size() == 1);
}

TEST_CASE("CheckpointStore: lanes update at once") {
  CrashFs disk;
  {
    auto store = open(disk, 1ms);
    auto updates = [&store](const std::string& input) {
      testkit::ManualLane lane;
      int answered = 0;
      for (int i = 0; i < 300; ++i) {
        store->update(input, std::to_string(i % 50), std::to_string(i));
        if (i % 20 == 0) {
          store->update_durable(input, "durable", std::to_string(i), lane, [&] { ++answered; });
          lane.turn();
        }
      }
      lane.turn_until([&] { return answered == 15; });
    };
    std::thread other(updates, "apps");
    updates("pods");
    other.join();
  }
  const auto store = open(disk);
  CHECK(store->at_start().size() == 102);
  for (const char* input : {"apps", "pods"}) {
    CHECK(store->at_start().at({input, "durable"}) == "280");
    for (int i = 0; i < 50; ++i) {
      CHECK(store->at_start().at({input, std::to_string(i)}) == std::to_string(250 + i));
    }
  }
}

TEST_CASE("CheckpointStore: works on a real file system") {
  testkit::TempFolder folder;
  const auto files = loop::make_posix_file_layer();
  for (int life = 0; life < 3; ++life) {
    auto store = CheckpointStore::open(*files, folder.path("state"));
    REQUIRE(store);
    CHECK((*store)->at_start().size() == static_cast<size_t>(life));
    (*store)->update("pods", std::to_string(life), "x");
    CHECK((*store)->flush());
  }
  CHECK(files->list(folder.path("state")).value() == std::vector<std::string>{"checkpoints"});
}
