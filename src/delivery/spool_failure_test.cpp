// Disks that are full, fail, or hold damaged segments.

#include <algorithm>

#include "delivery/spool_format.h"
#include "delivery/spool_rig_test.h"

using namespace tailrace;
using namespace tailrace::delivery;
using testkit::CrashFs;
using Kind = CrashFs::Operation::Kind;

namespace {

std::string only_segment(const CrashFs& disk) {
  const auto paths = disk.paths();
  REQUIRE(paths.size() == 1);
  return paths[0];
}

SpoolOptions one_segment() {
  SpoolOptions options;
  options.directory = "/state/spool";
  return options;
}

/// A disk whose one segment holds records 1 … count; `ends[i]` is the end of record i.
std::unique_ptr<CrashFs> disk_with(uint64_t count, std::vector<uint64_t>& ends) {
  auto disk = std::make_unique<CrashFs>();
  SpoolRig rig(*disk, one_segment());
  ends = {kSegmentHeaderSize};
  for (uint64_t id = 1; id <= count; ++id) {
    REQUIRE(rig.append(id));
    ends.push_back(disk->contents(only_segment(*disk))->size());
  }
  return disk;
}

using Ids = std::vector<uint64_t>;

}  // namespace

TEST_CASE("Spool: a full disk gives the payload back, and it goes on when there is room") {
  CrashFs disk;
  {
    SpoolRig rig(disk);
    REQUIRE(rig.append(1));
    const uint64_t free = rig.spool->free_budget();
    const std::string before = *disk.contents(only_segment(disk));
    disk.set_capacity(before.size() + 70);  // ends within the next record
    const Status failed = rig.append(2);
    REQUIRE(!failed);
    CHECK(failed.error().code == ErrorCode::no_space);
    CHECK(rig.answers.at(2).payload.view() == test_payload(2));
    CHECK(disk.contents(only_segment(disk)) == before);  // no torn bytes stay
    SpoolStats stats = rig.spool->stats();
    CHECK(stats.failing);
    CHECK(stats.append_failures == 1);
    CHECK(!stats.last_error.empty());
    CHECK(rig.spool->free_budget() == free);

    disk.set_capacity(1 << 20);
    REQUIRE(rig.append(3));
    CHECK(!rig.spool->stats().failing);
    CHECK(rig.spool->stats().records == 2);
  }
  CHECK(SpoolRig(disk).recovered_ids() == Ids{1, 3});
}

TEST_CASE("Spool: a disk that is full from the start breaks nothing") {
  CrashFs disk;
  disk.set_capacity(0);
  SpoolRig rig(disk);
  REQUIRE(rig.spool != nullptr);
  CHECK(rig.append(1).error().code == ErrorCode::no_space);
  CHECK(rig.spool->free_budget() == SpoolOptions().disk_budget);
  CHECK(rig.spool->stats().segments == 0);
  disk.set_capacity(1 << 20);
  CHECK(rig.append(2));
}

TEST_CASE("Spool: what waits behind a failure comes back, too, so that nothing overtakes it") {
  CrashFs disk;
  SpoolRig rig(disk, one_segment());
  REQUIRE(rig.append(1));
  disk.set_capacity(disk.contents(only_segment(disk))->size() + 100);
  for (uint64_t id = 10; id < 20; ++id) {
    rig.start_append(id);
  }
  bool failed = false;
  for (uint64_t id = 10; id < 20; ++id) {
    failed = !rig.await(id).status || failed;
    CHECK(failed != rig.answers.at(id).status.has_value());
  }
  CHECK(failed);
}

TEST_CASE("Spool: after a failed fsync its records are rewritten into a new segment") {
  for (const bool folder : {false, true}) {
    CAPTURE(folder);
    CrashFs disk;
    {
      SpoolRig rig(disk, one_segment());
      if (!folder) {
        REQUIRE(rig.append(1));
      }
      disk.fail_sync(disk.sync_count() + (folder ? 2 : 1));
      REQUIRE(rig.append(2));
      CHECK(rig.read(rig.answers.at(2).ref).value() == test_payload(2));
      CHECK(rig.spool->stats().sync_failures == 1);
      CHECK(rig.spool->stats().append_failures == 0);
      CHECK(!rig.spool->stats().failing);
      REQUIRE(rig.append(3));
      uint64_t bytes = 0;
      for (const std::string& path : disk.paths()) {
        bytes += disk.contents(path)->size();
      }
      CHECK(rig.spool->stats().disk_bytes == bytes);
      CHECK(rig.spool->free_budget() == SpoolOptions().disk_budget - bytes);
    }
    // No file was synced again after its sync had failed.
    std::set<std::string> failed;
    for (const auto& operation : disk.operations()) {
      if (operation.kind == Kind::sync_file) {
        CHECK(failed.count(operation.path) == 0);
        if (operation.sync_number == (folder ? 2 : 3)) {
          failed.insert(operation.path);
        }
      }
    }
    disk.crash();
    for (uint64_t seed = 0; seed < 50; ++seed) {
      const auto after = disk.survive(seed);
      SpoolRig rig(*after, one_segment());
      CHECK(rig.recovered_ids() == (folder ? Ids{2, 3} : Ids{1, 2, 3}));
    }
  }
}

TEST_CASE("Spool: both copies of a rewritten record are on disk, and one is found") {
  CrashFs disk;
  {
    SpoolRig rig(disk, one_segment());
    REQUIRE(rig.append(1));
    const uint64_t failing = disk.sync_count() + 1;
    disk.inject([=](const CrashFs::Operation& operation) {
      // The old segment's end cannot be cut off either.
      return operation.sync_number == failing || operation.kind == Kind::truncate
                 ? std::optional(ErrorCode::io)
                 : std::nullopt;
    });
    for (uint64_t id = 2; id <= 3; ++id) {
      REQUIRE(rig.append(id));
    }
  }
  CHECK(disk.paths().size() == 2);
  disk.heal();
  SpoolRig rig(disk, one_segment());
  CHECK(rig.recovered_ids() == Ids{1, 2, 3});
  CHECK(rig.recovered[1].ref.segment == 2);
}

TEST_CASE("Spool: when the second fsync fails, too, the payload comes back") {
  CrashFs disk;
  SpoolRig rig(disk);
  REQUIRE(rig.append(1));
  disk.inject([](const CrashFs::Operation& operation) {
    return operation.is_sync() ? std::optional(ErrorCode::io) : std::nullopt;
  });
  CHECK(rig.append(2).error().code == ErrorCode::io);
  CHECK(rig.answers.at(2).payload.view() == test_payload(2));
  CHECK(rig.spool->stats().sync_failures == 2);
  CHECK(rig.spool->stats().failing);
  CHECK(rig.spool->stats().records == 1);
  disk.heal();
  CHECK(rig.append(3));
  CHECK(!rig.spool->stats().failing);
  CHECK(rig.read(rig.answers.at(1).ref).value() == test_payload(1));
}

TEST_CASE("Spool: every operation may fail, for a while or for good, without harm") {
  for (const ErrorCode code : {ErrorCode::io, ErrorCode::no_space, ErrorCode::permission}) {
    for (uint64_t from = 2; from < 40; ++from) {
      for (const uint64_t for_how_long : {1, 2, 5, 1000}) {
        CAPTURE(from);
        CAPTURE(for_how_long);
        CrashFs disk;
        Ids acknowledged;
        {
          SpoolRig rig(disk);
          disk.inject([=](const CrashFs::Operation& operation) {
            return operation.number >= from && operation.number < from + for_how_long
                       ? std::optional(code)
                       : std::nullopt;
          });
          for (uint64_t id = 1; id <= 12; ++id) {
            if (rig.append(id)) {
              acknowledged.push_back(id);
            } else {
              CHECK(rig.answers.at(id).payload.view() == test_payload(id));
            }
          }
          disk.heal();
          REQUIRE(rig.append(13));
          acknowledged.push_back(13);
          for (const uint64_t id : acknowledged) {
            CHECK(rig.read(rig.answers.at(id).ref).value() == test_payload(id));
          }
        }
        disk.crash();
        for (uint64_t seed = 0; seed < 5; ++seed) {
          const auto after = disk.survive(seed);
          Ids found = SpoolRig(*after).recovered_ids();
          std::erase_if(found, [&](uint64_t id) {  // what failed may be there all the same
            return std::ranges::count(acknowledged, id) == 0;
          });
          CHECK(found == acknowledged);
        }
      }
    }
  }
}

TEST_CASE("Spool: a torn tail is cut and counted once") {
  std::vector<uint64_t> ends;
  const auto whole = disk_with(3, ends);
  const std::string path = only_segment(*whole);
  const std::string bytes = *whole->contents(path);
  for (size_t size = 0; size <= bytes.size(); ++size) {
    CAPTURE(size);
    Ids expected;
    while (expected.size() < 3 && ends[expected.size() + 1] <= size) {
      expected.push_back(expected.size() + 1);
    }
    const bool at_an_end = size == 0 || std::ranges::count(ends, size) != 0;
    CrashFs disk;
    disk.overwrite(path, bytes.substr(0, size));
    {
      SpoolRig rig(disk, one_segment());
      CHECK(rig.recovered_ids() == expected);
      CHECK(rig.spool->stats().torn_tails == (at_an_end ? 0 : 1));
      CHECK(rig.spool->stats().bad_records == 0);
      CHECK(rig.spool->stats().disk_bytes == (expected.empty() ? 0 : ends[expected.size()]));
    }
    SpoolRig again(disk, one_segment());
    CHECK(again.recovered_ids() == expected);
    CHECK(again.spool->stats().torn_tails == 0);
  }
}

TEST_CASE("Spool: damage costs the record that it hits, and no other") {
  std::vector<uint64_t> ends;
  const auto fresh = disk_with(5, ends);
  const std::string path = only_segment(*fresh);
  const std::string good = *fresh->contents(path);
  for (size_t at = 0; at < ends[4]; at += 3) {
    CAPTURE(at);
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x20);
    CrashFs disk;
    disk.overwrite(path, bytes);
    SpoolRig rig(disk, one_segment());
    REQUIRE(rig.spool != nullptr);
    Ids expected{1, 2, 3, 4, 5};
    for (uint64_t id = 1; id <= 4; ++id) {
      if (at >= ends[id - 1] && at < ends[id]) {
        std::erase(expected, id);
      }
    }
    const SpoolStats stats = rig.spool->stats();
    // Padding and reserved bytes may change without harm.
    if (rig.recovered_ids() != Ids{1, 2, 3, 4, 5}) {
      CHECK(rig.recovered_ids() == expected);
      CHECK(stats.bad_records == 1);
    }
    CHECK(stats.torn_tails == 0);
    for (const RecoveredRecord& record : rig.recovered) {
      CHECK(rig.read(record.ref).value() == test_payload(record.envelope.order_key));
    }
  }
}

TEST_CASE(
    "Spool: records of another segment, or made by whoever wrote the logs, are not believed") {
  std::vector<uint64_t> ends;
  const auto donor = disk_with(3, ends);
  const std::string stolen = donor->contents(only_segment(*donor))->substr(ends[0]);
  CrashFs disk;
  {
    SpoolRig rig(disk, one_segment());
    Envelope envelope = test_envelope(100);
    REQUIRE(rig.spool->reserve(envelope, stolen.size()));
    rig.spool->append(rig.lane, envelope, Bytes::copy_of(stolen), [](auto) {});
    REQUIRE(rig.append(101));
  }
  const std::string path = only_segment(disk);
  std::string bytes = *disk.contents(path);
  bytes[kSegmentHeaderSize + 9] ^= 1;    // the header of the record that carries forged ones
  disk.overwrite(path, bytes + stolen);  // and stale blocks behind the end
  SpoolRig rig(disk, one_segment());
  CHECK(rig.recovered_ids() == Ids{101});
  CHECK(rig.spool->stats().bad_records == 1);
  CHECK(rig.spool->stats().torn_tails == 1);
}

TEST_CASE("Spool: damage after the start is told to the reader") {
  CrashFs disk;
  SpoolRig rig(disk, one_segment());
  REQUIRE(rig.append(1));
  const std::string path = only_segment(disk);
  std::string bytes = *disk.contents(path);
  bytes.back() ^= 1;
  disk.overwrite(path, bytes);
  CHECK(rig.read(rig.answers.at(1).ref).error().code == ErrorCode::corrupt);
  CHECK(rig.spool->stats().bad_records == 1);
  disk.fail_reads_of(".spool");
  CHECK(rig.read(rig.answers.at(1).ref).error().code == ErrorCode::io);
}

TEST_CASE("Spool: a segment from a newer version is refused, and nothing is touched") {
  std::vector<uint64_t> ends;
  const auto disk = disk_with(2, ends);
  const std::string path = only_segment(*disk);
  disk->overwrite(path, *disk->contents(path) + "torn");
  const std::string newer = "/state/spool/" + SegmentName{9, 1}.text();
  disk->overwrite(newer, encode_state_header(kSegmentMagic, {kSegmentVersion + 1, 9, 1, "7.1.0"}) +
                             "whatever that is");
  const auto paths = disk->paths();
  const std::string before = *disk->contents(path);
  SpoolRig rig(*disk, one_segment());
  REQUIRE(rig.spool == nullptr);
  CHECK(rig.failure.code == ErrorCode::unsupported);
  CHECK(rig.failure.message.find("7.1.0") != std::string::npos);
  CHECK(rig.failure.message.find(newer) != std::string::npos);
  CHECK(disk->paths() == paths);
  CHECK(disk->contents(path) == before);
}

TEST_CASE("Spool: a segment that cannot be read is left alone and the others are used") {
  CrashFs disk;
  std::vector<std::string> paths;
  {
    SpoolRig rig(disk);
    for (uint64_t id = 1; id <= 20; ++id) {
      REQUIRE(rig.append(id));
    }
    paths = disk.paths();
  }
  disk.fail_reads_of(paths[1]);
  {
    SpoolRig rig(disk);
    REQUIRE(rig.spool != nullptr);
    CHECK(rig.recovered.size() < 20);
    CHECK(rig.recovered.size() > 5);
    CHECK(rig.spool->stats().segments == paths.size());
    for (const RecoveredRecord& record : rig.recovered) {
      rig.spool->settled(record.ref);
    }
    REQUIRE(rig.append(21));
    rig.settle_down();
    CHECK(disk.contents(paths[1]).has_value());
  }
  disk.fail_reads_of("");
  const Ids ids = SpoolRig(disk).recovered_ids();
  CHECK(ids.size() > 1);
  CHECK(ids.back() == 21);
}

TEST_CASE("Spool: other files in its folder are nobody's business") {
  CrashFs disk;
  disk.overwrite("/state/spool/README", "hands off");
  disk.overwrite("/state/spool/12.spool", "no segment's name");
  SpoolRig rig(disk);
  CHECK(rig.append(1));
  rig.spool->settled(rig.answers.at(1).ref);
  rig.settle_down();
  CHECK(disk.paths() == std::vector<std::string>{"/state/spool/12.spool", "/state/spool/README"});
}

TEST_CASE("Spool: a removal that fails is tried again") {
  CrashFs disk;
  SpoolRig rig(disk, one_segment());
  REQUIRE(rig.append(1));
  disk.inject([](const CrashFs::Operation& operation) {
    return operation.kind == Kind::remove ? std::optional(ErrorCode::io) : std::nullopt;
  });
  rig.spool->settled(rig.answers.at(1).ref);
  rig.settle_down();
  CHECK(rig.spool->stats().records == 0);
  CHECK(rig.spool->stats().segments == 1);
  disk.heal();
  REQUIRE(rig.append(2));
  CHECK(rig.spool->stats().segments == 1);
  CHECK(disk.paths().size() == 1);
}
