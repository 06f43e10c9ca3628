#include "testkit/crash_fs.h"

#include <set>

#include <doctest/doctest.h>

using namespace tailrace;
using testkit::CrashFs;
using Open = loop::FileLayer::Open;
using Kind = CrashFs::Operation::Kind;

namespace {

std::unique_ptr<loop::StateFile> create(CrashFs& disk, const std::string& path) {
  auto file = disk.open(path, Open::create_new);
  REQUIRE(file);
  return std::move(*file);
}

/// All states in which a file may be found, over many seeds; "-" when it is not there.
std::set<std::string> fates(const CrashFs& disk, const std::string& path) {
  std::set<std::string> found;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    found.insert(disk.survive(seed)->contents(path).value_or("-"));
  }
  return found;
}

}  // namespace

TEST_CASE("CrashFs: bytes are certain after a sync of the file, names after one of the folder") {
  CrashFs disk;
  REQUIRE(disk.make_directories("/s"));
  auto file = create(disk, "/s/a");
  REQUIRE(file->write_at(0, "abcd"));
  CHECK(fates(disk, "/s/a").count("-") == 1);
  CHECK(fates(disk, "/s/a").count("") == 1);
  CHECK(fates(disk, "/s/a").count("abcd") == 1);
  CHECK(fates(disk, "/s/a").count("ab") == 1);  // torn
  REQUIRE(file->sync());
  CHECK(fates(disk, "/s/a") == std::set<std::string>{"-", "abcd"});
  REQUIRE(disk.sync_directory("/s"));
  CHECK(fates(disk, "/s/a") == std::set<std::string>{"abcd"});
  REQUIRE(file->truncate(1));
  CHECK(fates(disk, "/s/a") == std::set<std::string>{"a", "abcd"});
}

TEST_CASE("CrashFs: a rename or removal that was not synced may or may not have happened") {
  CrashFs disk;
  REQUIRE(disk.make_directories("/s"));
  disk.overwrite("/s/a", "old");
  disk.overwrite("/s/gone", "x");
  auto file = create(disk, "/s/new");
  REQUIRE(file->write_at(0, "new"));
  REQUIRE(file->sync());
  REQUIRE(disk.rename("/s/new", "/s/a"));
  REQUIRE(disk.remove("/s/gone"));
  CHECK(disk.contents("/s/a") == "new");
  CHECK(fates(disk, "/s/a") == std::set<std::string>{"old", "new"});
  CHECK(fates(disk, "/s/gone") == std::set<std::string>{"x", "-"});
  REQUIRE(disk.sync_directory("/s"));
  CHECK(fates(disk, "/s/a") == std::set<std::string>{"new"});
  CHECK(fates(disk, "/s/gone") == std::set<std::string>{"-"});
  CHECK(disk.survive(0)->list("/s").value() == std::vector<std::string>{"a"});
}

TEST_CASE("CrashFs: nothing works after the crash, and its operation is under way") {
  CrashFs disk;
  REQUIRE(disk.make_directories("/s"));
  disk.crash_at(3);
  auto file = create(disk, "/s/a");
  CHECK(!file->write_at(0, "abcd"));
  CHECK(disk.crashed());
  CHECK(!file->write_at(4, "efgh"));
  CHECK(!file->read_at(0, 4));
  CHECK(!file->sync());
  CHECK(!disk.sync_directory("/s"));
  CHECK(!disk.open("/s/a", Open::read));
  CHECK(disk.operation_count() == 3);
  CHECK(disk.survive(1)->contents("/s/a") == "abcd");
  CHECK(disk.survive(0)->contents("/s/a") == std::nullopt);
}

TEST_CASE("CrashFs: a later sync does not save what a failed one lost") {
  CrashFs disk;
  REQUIRE(disk.make_directories("/s"));
  auto file = create(disk, "/s/a");
  REQUIRE(disk.sync_directory("/s"));
  REQUIRE(file->write_at(0, "abcd"));
  disk.fail_sync(disk.sync_count() + 1);
  CHECK(file->sync().error().code == ErrorCode::io);
  CHECK(file->read_at(0, 4).value() == "abcd");
  REQUIRE(file->write_at(4, "ef"));
  REQUIRE(file->sync());
  CHECK(fates(disk, "/s/a") == std::set<std::string>{std::string("\0\0\0\0ef", 6)});
}

TEST_CASE("CrashFs: a full disk takes what fits") {
  CrashFs disk;
  REQUIRE(disk.make_directories("/s"));
  disk.set_capacity(6);
  auto a = create(disk, "/s/a");
  auto b = create(disk, "/s/b");
  REQUIRE(a->write_at(0, "abcd"));
  CHECK(b->write_at(0, "wxyz").error().code == ErrorCode::no_space);
  CHECK(disk.contents("/s/b") == "wx");
  CHECK(disk.free_bytes("/s").value() == 0);
  REQUIRE(disk.remove("/s/a"));
  CHECK(b->write_at(2, "yz"));
}

TEST_CASE("CrashFs: lies about syncs when told") {
  CrashFs disk;
  REQUIRE(disk.make_directories("/s"));
  disk.lie_about_sync(1);
  disk.lie_about_syncs(Kind::sync_folder);
  auto file = create(disk, "/s/a");
  REQUIRE(file->write_at(0, "abcd"));
  REQUIRE(file->sync());
  REQUIRE(disk.sync_directory("/s"));
  CHECK(disk.survive(0)->paths().empty());
  CHECK(disk.survive(2)->contents("/s/a") == "");
  REQUIRE(file->sync());
  CHECK(disk.survive(2)->contents("/s/a") == "abcd");
}
