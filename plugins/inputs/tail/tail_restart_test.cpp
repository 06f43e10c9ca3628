#include <algorithm>
#include <cstdlib>
#include <set>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "plugins/inputs/tail/tail_bench_test.h"

using namespace tailrace;
using namespace tailrace::inputs::tail;
using namespace tailrace::inputs::tail::testing;
using Texts = std::vector<std::string>;

namespace {

std::string numbered(int from, int to) {
  std::string out;
  for (int i = from; i < to; ++i) {
    out += "line number " + std::to_string(i) + "\n";
  }
  return out;
}
Texts numbered_texts(int from, int to) {
  Texts out;
  for (int i = from; i < to; ++i) {
    out.push_back("line number " + std::to_string(i));
  }
  return out;
}

/// One run to its end, with everything settled and written.
void run_through(World& world, const TailConfig& config, seconds time = seconds(1)) {
  Run run(world, config);
  run.pass(time);
  run.write_checkpoints();
}

}  // namespace

TEST_CASE("restart: reading goes on where everything is settled") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "*.log", Format::raw);
  append(dir / "a.log", numbered(0, 100));
  run_through(world, config);
  append(dir / "a.log", numbered(100, 200));
  run_through(world, config);
  CHECK(world.texts() == numbered_texts(0, 200));
}

TEST_CASE("restart: what was not settled is read again, and nothing else") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "*.log", Format::raw);
  append(dir / "a.log", numbered(0, 10));
  {
    Run run(world, config);
    run.settle_at_once = false;
    run.pass();
    append(dir / "a.log", numbered(10, 20));
    run.pass();
    append(dir / "a.log", numbered(20, 30));
    run.pass();
    REQUIRE(run.waiting() == 3);
    run.settle(1);  // not the first: the checkpoint may not move
    run.write_checkpoints();
    run.settle(0);  // both now, but for the third
    run.write_checkpoints();
  }
  run_through(world, config);
  Texts got = world.texts();
  CHECK(got.size() == 30);
  CHECK(Texts(got.end() - 10, got.end()) == numbered_texts(20, 30));
}

TEST_CASE("restart: predecessors of any kind are finished first, in order") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "app.log", Format::raw);
  append(dir / "app.log.1", numbered(0, 50));
  append(dir / "app.log", numbered(50, 100));
  run_through(world, config);
  CHECK(world.texts() == numbered_texts(0, 100));
  append(dir / "app.log", numbered(100, 150));
  fs::rename(dir / "app.log.1", dir / "app.log.4");
  fs::rename(dir / "app.log", dir / "app.log.3");
  gzip(dir / "app.log.3");
  append(dir / "app.log.2", numbered(150, 200));
  gzip(dir / "app.log.2");
  append(dir / "app.log.1", numbered(200, 250));
  append(dir / "app.log", numbered(250, 300));
  run_through(world, config, seconds(20));
  CHECK(world.texts() == numbered_texts(0, 300));
  run_through(world, config, seconds(20));
  CHECK(world.received.size() == 300);
}

TEST_CASE("restart: a predecessor is not read again after its own row is gone") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "app.log", Format::raw);
  append(dir / "app.log", numbered(0, 50));
  run_through(world, config);
  {
    Run run(world, config);
    run.pass();
    fs::rename(dir / "app.log", dir / "app.log.1");
    append(dir / "app.log", numbered(50, 100));
    run.pass(seconds(30));
    CHECK(run.rows().size() == 2);
    run.write_checkpoints();
  }
  gzip(dir / "app.log.1");
  run_through(world, config);
  CHECK(world.texts() == numbered_texts(0, 100));
}

TEST_CASE("restart: a file that is gone is counted, with what is known of it") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "app.log", Format::raw);
  append(dir / "app.log", numbered(0, 50));
  run_through(world, config);
  append(dir / "app.log", numbered(50, 60));
  fs::rename(dir / "app.log", dir / "elsewhere");
  append(dir / "app.log", "a new life\n");
  Run run(world, config);
  run.pass();
  CHECK(world.texts().back() == "a new life");
  CHECK(run.metric("tail_lost_rotations_total") == 1);
  CHECK(run.losses().at("lost_rotation").records == 1);
  CHECK(run.rows().size() == 2);
}

TEST_CASE("restart: a pod that went with its logs is no loss that we know of") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "*/*.log", Format::raw);
  append(dir / "pod/app.log", numbered(0, 50));
  append(dir / "other/app.log", numbered(50, 60));
  run_through(world, config);
  fs::remove_all(dir / "pod");
  Run run(world, config);
  run.pass();
  CHECK(run.metric("tail_lost_rotations_total") == 0);
  CHECK(run.rows().size() == 2);
}

TEST_CASE("restart: rows of files that no pattern names any more are kept while the files are") {
  TempDir dir;
  World world;
  append(dir / "a/app.log", numbered(0, 50));
  run_through(world, reading(dir / "*/app.log", Format::raw));
  run_through(world, reading(dir / "b/app.log", Format::raw));
  run_through(world, reading(dir / "*/app.log", Format::raw));
  CHECK(world.received.size() == 50);
}

TEST_CASE("restart: a new file with an old one's inode is read from its start") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "*.log", Format::raw);
  append(dir / "a.log", "quite a long line of the old file\n");
  run_through(world, config);
  fs::resize_file(dir / "a.log", 0);  // the same inode, as after unlink and create on ext4
  append(dir / "a.log", numbered(0, 20));
  run_through(world, config);
  Texts got = world.texts();
  got.erase(got.begin());
  CHECK(got == numbered_texts(0, 20));
}

TEST_CASE("restart: a file that grew from a few bytes to many is still the same") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "*.log", Format::raw);
  for (int i = 0; i < 200; i += 3) {
    append(dir / "a.log", numbered(i, i + 3));
    if (i % 2 == 0) {
      run_through(world, config);
    }
  }
  run_through(world, config);
  CHECK(world.texts() == numbered_texts(0, 201));
  CHECK(world.durable.size() == 2);
}

TEST_CASE("restart: another device number changes nothing") {
  // The row knows no device: take one from a run, and look.
  TempDir dir;
  World world;
  append(dir / "a.log", numbered(0, 20));
  run_through(world, reading(dir / "*.log", Format::raw));
  struct stat info;
  REQUIRE(::stat((dir / "a.log").c_str(), &info) == 0);
  for (const auto& [key, value] : world.durable) {
    if (key == "started") {
      continue;
    }
    const auto row = decode_row(value);
    REQUIRE(row);
    CHECK(row->inode == info.st_ino);
    CHECK(row->point.offset == static_cast<uint64_t>(info.st_size));
    CHECK(key == checkpoint_key(info.st_ino, row->fingerprint, 0));
  }
}

TEST_CASE("restart: labels stay as they were when the file was first read") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "*.log", Format::raw);
  append(dir / "first-name.log", "one\n");
  run_through(world, config);
  fs::rename(dir / "first-name.log", dir / "second-name.log");
  append(dir / "second-name.log", "two\n");
  run_through(world, config);
  REQUIRE(world.texts() == Texts{"one", "two"});
  CHECK(world.received[0].labels == world.received[1].labels);
}

TEST_CASE("restart: equal times go on counting") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "*.log");
  for (int i = 0; i < 10; ++i) {
    append(dir / "a.log", cri("same", 7) + cri("same", 7));
    run_through(world, config);
  }
  std::set<int64_t> times;
  for (const Seen& record : world.received) {
    times.insert(record.time - kT0);
  }
  CHECK(times.size() == 20);
  CHECK(*times.begin() == 7);
  CHECK(*times.rbegin() == 26);
}

TEST_CASE("restart: a partial and half a line under way are whole afterwards") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "*.log");
  append(dir / "a.log", cri("whole", 1) + cri("begun, ", 2, "stdout", "P"));
  run_through(world, config);
  append(dir / "a.log", cri("continued, ", 3, "stdout", "P") + "2026-01-02T03:0");
  run_through(world, config);
  append(dir / "a.log", "4:05.5Z stdout F ended\n");
  run_through(world, config);
  CHECK(world.texts() == Texts{"whole", "begun, continued, ended"});
  CHECK(world.received.back().time == kT0 + 2);
}

TEST_CASE("restart: a container's path that came to another lane is read on there") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "*.log", Format::raw);
  for (int i = 0; i < 20; ++i) {
    append(dir / (std::to_string(i) + ".log"), "one of " + std::to_string(i) + "\n");
  }
  run_through(world, config);
  CHECK(world.received.size() == 20);
  for (int i = 0; i < 20; ++i) {
    append(dir / (std::to_string(i) + ".log"), "two of " + std::to_string(i) + "\n");
  }
  for (uint32_t lane = 0; lane < 3; ++lane) {
    Run run(world, config, false, lane, 3);
    run.pass();
    CHECK(run.losses().empty());
  }
  CHECK(world.received.size() == 40);
}

TEST_CASE("restart: old rotated files at a first start are left alone, later ones are not") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "app.log", Format::raw);
  append(dir / "app.log.2", "older\n");
  append(dir / "app.log.1", "old\n");
  for (const char* name : {"app.log.1", "app.log.2"}) {
    fs::last_write_time(dir / name, fs::file_time_type(fs::file_time_type::clock::from_sys(
                                        std::chrono::sys_seconds(std::chrono::seconds(1)))));
  }
  append(dir / "app.log", numbered(0, 50));
  run_through(world, config);
  CHECK(world.texts() == numbered_texts(0, 50));
  for (int number = 2; number > 0; --number) {
    fs::rename(dir / ("app.log." + std::to_string(number)),
               dir / ("app.log." + std::to_string(number + 1)));
  }
  append(dir / "app.log", numbered(50, 60));
  fs::rename(dir / "app.log", dir / "app.log.1");
  append(dir / "app.log", numbered(60, 70));
  run_through(world, config, seconds(20));
  CHECK(world.texts() == numbered_texts(0, 70));
}

TEST_CASE("restart: a file that began and was rotated without a row is read before its successor") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "*/app.log", Format::raw);
  append(dir / "other/app.log", "other\n");
  run_through(world, config);
  // A new pod, while we are down; or while we run, and power fails before its row is on disk.
  for (const bool seen : {false, true}) {
    const fs::path pod = dir / (seen ? "seen" : "unseen");
    append(pod / "app.log", numbered(0, 20));
    if (seen) {
      Run run(world, config);
      run.settle_at_once = false;
      run.pass();
    }
    append(pod / "app.log", numbered(20, 40));
    fs::rename(pod / "app.log", pod / "app.log.1");
    if (seen) {
      gzip(pod / "app.log.1");
    }
    append(pod / "app.log", numbered(40, 60));
    world.received.clear();
    run_through(world, config, seconds(20));
    CHECK(world.texts() == numbered_texts(0, 60));
    world.received.clear();
    run_through(world, config, seconds(20));
    CHECK(world.texts().empty());
  }
}

TEST_CASE("restart: a first start reads nothing before every file that it found has a row") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "app.log", Format::raw);
  append(dir / "app.log", numbered(0, 20));
  fs::last_write_time(dir / "app.log", fs::file_time_type(fs::file_time_type::clock::from_sys(
                                           std::chrono::sys_seconds(std::chrono::seconds(1)))));
  {
    Run run(world, config);
    run.disk_works = false;
    run.settle_at_once = false;
    run.pass(seconds(2));
    CHECK(run.waiting() == 0);
    CHECK(world.durable.empty());
    run.repair_disk();
    CHECK(world.durable.size() == 2);
    run.pass();
    CHECK(run.waiting() == 1);
  }
  // Only what was durable before the first read is left: the file is found though it looks old.
  const auto old_time = fs::last_write_time(dir / "app.log");
  fs::rename(dir / "app.log", dir / "app.log.1");
  append(dir / "app.log", numbered(20, 30));
  CHECK(fs::last_write_time(dir / "app.log.1") == old_time);
  run_through(world, config, seconds(20));
  CHECK(world.texts() == numbered_texts(0, 30));
}

TEST_CASE("restart: every moment of the checkpoint's changes is one to come back to") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "app.log", Format::raw);
  run_through(world, config);
  std::vector<World> moments;
  {
    Run run(world, config);
    run.keep_history = true;
    append(dir / "app.log", numbered(0, 2));
    run.pass();
    append(dir / "app.log", numbered(2, 4));  // the row's key grows with the file
    run.pass();
    fs::rename(dir / "app.log", dir / "app.log.1");
    append(dir / "app.log", numbered(10, 12));
    run.pass();
    append(dir / "app.log.1", numbered(4, 6));  // late lines
    append(dir / "app.log", numbered(12, 14));
    run.pass(seconds(2));
    moments = run.history();
  }
  REQUIRE(moments.size() > 8);
  Texts all = numbered_texts(0, 6);
  const Texts newer = numbered_texts(10, 14);
  all.insert(all.end(), newer.begin(), newer.end());
  for (World& moment : moments) {
    const size_t had = moment.received.size();
    run_through(moment, config, seconds(20));
    const Texts got = moment.texts();
    CHECK(std::set<std::string>(got.begin(), got.end()) ==
          std::set<std::string>(all.begin(), all.end()));
    CHECK(got.size() <= all.size() + had);
    CHECK(std::is_sorted(got.begin() + static_cast<ptrdiff_t>(had), got.end(),
                         [&](const std::string& a, const std::string& b) {
                           return std::ranges::find(all, a) < std::ranges::find(all, b);
                         }));
    run_through(moment, config, seconds(20));
    CHECK(moment.received.size() == got.size());
  }
}

TEST_CASE("restart: what was read stays read when the file that tells so has gone") {
  TempDir dir;
  World world;
  const TailConfig config = reading(dir / "app.log", Format::raw);
  append(dir / "app.log", numbered(0, 20));
  {
    Run run(world, config);
    run.pass();
    fs::rename(dir / "app.log", dir / "app.log.1");
    append(dir / "app.log", numbered(20, 40));
    run.pass(seconds(30));
    run.write_checkpoints();
    CHECK(run.rows().size() == 2);
  }
  fs::remove(dir / "app.log");
  {
    Run run(world, config);
    run.pass();
    append(dir / "app.log", "");  // empty: it has no row of its own yet
    run.pass(seconds(5));
    run.write_checkpoints();
  }
  run_through(world, config);
  append(dir / "app.log", numbered(40, 50));
  run_through(world, config, seconds(5));
  run_through(world, config, seconds(5));
  CHECK(world.texts() == numbered_texts(0, 50));
  CHECK(world.durable.size() == 2);
}
