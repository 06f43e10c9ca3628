#include <algorithm>
#include <cstdlib>

#include <doctest/doctest.h>

#include "plugins/inputs/tail/tail_bench_test.h"

using namespace tailrace;
using namespace tailrace::inputs::tail;
using namespace tailrace::inputs::tail::testing;
using Texts = std::vector<std::string>;

namespace {

/// Numbered CRI lines.
std::string lines(int from, int to) {
  std::string out;
  for (int i = from; i < to; ++i) {
    out += cri("line " + std::to_string(i), i);
  }
  return out;
}
Texts texts(int from, int to) {
  Texts out;
  for (int i = from; i < to; ++i) {
    out.push_back("line " + std::to_string(i));
  }
  return out;
}

std::string stamp(int n) {
  return "20260102-0304" + std::to_string(10 + n);
}

}  // namespace

TEST_CASE("rotation: the old file is read to its end before the new one is begun") {
  TempDir dir;
  World world;
  append(dir / "0.log", lines(0, 10));
  Run run(world, reading(dir / "*.log"));
  run.pass();
  append(dir / "0.log", lines(10, 20));
  fs::rename(dir / "0.log", dir / ("0.log." + stamp(0)));
  append(dir / "0.log", lines(25, 30));
  append(dir / ("0.log." + stamp(0)), lines(20, 25));  // the runtime has it open for a moment
  run.pass();
  CHECK(world.texts() == texts(0, 30));
  CHECK(run.metric("tail_rotations_total") == 1);
  // It is watched for rotate_wait, then closed.
  append(dir / ("0.log." + stamp(0)), cri("late", 100));
  run.pass(seconds(3));
  CHECK(world.texts().back() == "late");
  CHECK(run.metric("tail_files_rotated") == 1);
  run.pass(seconds(8));
  CHECK(run.metric("tail_files_rotated") == 0);
  CHECK(run.metric("tail_files_open") == 1);
}

TEST_CASE("rotation: several between two looks, some gzipped, are read in order") {
  TempDir dir;
  World world;
  append(dir / "0.log", lines(0, 10));
  Run run(world, reading(dir / "*.log"));
  run.pass();
  int next = 10;
  for (int i = 0; i < 4; ++i) {
    append(dir / "0.log", lines(next, next + 10));
    next += 10;
    for (int k = 0; k < i; ++k) {
      if (fs::exists(dir / ("0.log." + stamp(k)))) {
        gzip(dir / ("0.log." + stamp(k)));
      }
    }
    fs::rename(dir / "0.log", dir / ("0.log." + stamp(i)));
  }
  append(dir / "0.log", lines(next, next + 10));
  run.pass();
  CHECK(world.texts() == texts(0, next + 10));
  run.pass(seconds(20));
  CHECK(run.metric("tail_files_open") == 1);
  // Nothing is read again afterwards.
  run.pass(seconds(200));
  CHECK(world.received.size() == static_cast<size_t>(next + 10));
}

TEST_CASE("rotation: an inode that goes on to a later file is not taken for the first one") {
  // The filesystem gives the first file's inode to the third one as soon as the first was
  // compressed; whether between a listing and the opening of what it found, or at another time.
  for (int turns = 0; turns < 12; ++turns) {
    CAPTURE(turns);
    TempDir dir;
    World world;
    append(dir / "0.log", "");
    Run run(world, reading(dir / "*.log"));
    run.manual_lane().turn(turns);
    append(dir / "0.log", lines(0, 10));
    fs::rename(dir / "0.log", dir / ("0.log." + stamp(0)));
    append(dir / "0.log", lines(10, 20));
    gzip(dir / ("0.log." + stamp(0)));
    fs::rename(dir / "0.log", dir / ("0.log." + stamp(1)));
    append(dir / "0.log", lines(20, 30));
    run.pass(seconds(1));
    CHECK(world.texts() == texts(0, 30));
  }
}

TEST_CASE("rotation: what was opened empty and compressed before it was read is read once") {
  TempDir dir;
  World world;
  append(dir / "0.log", "");
  Run run(world, reading(dir / "*.log"));
  run.pass();
  run.has_credit = false;
  append(dir / "0.log", lines(0, 10));
  fs::rename(dir / "0.log", dir / ("0.log." + stamp(0)));
  gzip(dir / ("0.log." + stamp(0)));
  append(dir / "0.log", lines(10, 20));
  run.pass();
  run.has_credit = true;
  run.input().on_credit();
  run.pass();
  CHECK(world.texts() == texts(0, 20));
}

TEST_CASE("rotation: a link that leads nowhere while a container's log is rotated is followed") {
  TempDir dir;
  World world;
  fs::create_directories(dir / "pods");
  fs::create_directories(dir / "links");
  fs::create_symlink(dir / "pods/0.log", dir / "middle");
  fs::create_symlink("../middle", dir / "links/app.log");  // relative, and by another link
  append(dir / ("pods/0.log." + stamp(0)), lines(0, 10));
  Run run(world, reading(dir / "links/*.log"));
  run.pass();
  CHECK(world.received.empty());
  append(dir / "pods/0.log", lines(10, 20));
  run.pass(seconds(1));  // no rescan
  CHECK(world.texts() == texts(0, 20));
}

TEST_CASE("rotation: a predecessor that cannot be read is given up aloud, for its successor") {
  TempDir dir;
  World world;
  Run run(world, reading(dir / "*.log"));
  run.pass();
  append(dir / ("0.log." + stamp(0) + ".gz"), "not gzip at all");
  append(dir / ("0.log." + stamp(1)), lines(0, 10));
  append(dir / "0.log", lines(10, 20));
  run.pass(seconds(3));
  CHECK(world.texts() == texts(0, 20));
  CHECK(run.losses().at("unreadable").records == 1);
  run.pass(seconds(120));  // rescans
  CHECK(run.losses().at("unreadable").records == 1);
  CHECK(world.received.size() == 20);
}

TEST_CASE("a file that cannot be read is tried again, and costs the others nothing") {
  TempDir dir;
  World world;
  append(dir / "a.log.gz", "not gzip at all");
  append(dir / "b.log", lines(0, 10));
  TailConfig config = reading(dir / "*");
  config.exclude.clear();
  Run run(world, config);
  run.pass(seconds(3));
  CHECK(world.texts() == texts(0, 10));
  CHECK(run.losses().empty());
  CHECK(run.metric("tail_files_unreadable") == 1);
}

TEST_CASE("rotation: numbered files, as docker and logrotate make them") {
  TempDir dir;
  World world;
  const auto rotate = [&] {
    for (int n = 4; n > 0; --n) {
      const fs::path from = dir / ("app.log." + std::to_string(n));
      if (fs::exists(from)) {
        fs::rename(from, dir / ("app.log." + std::to_string(n + 1)));
      }
    }
    fs::rename(dir / "app.log", dir / "app.log.1");
  };
  append(dir / "app.log", lines(0, 10));
  Run run(world, reading(dir / "app.log"));
  run.pass();
  for (int i = 1; i < 4; ++i) {
    append(dir / "app.log", lines(10 * i, 10 * i + 5));
    rotate();
    append(dir / "app.log", lines(10 * i + 5, 10 * i + 10));
    if (i != 2) {
      run.pass(seconds(i == 1 ? 20 : 0));
    }
  }
  run.pass(seconds(100));
  CHECK(world.texts() == texts(0, 40));
}

TEST_CASE("rotation: a pattern that names rotated files as well reads each line once") {
  TempDir dir;
  World world;
  append(dir / "app.log.2", lines(0, 5));
  append(dir / "app.log.1", lines(5, 10));
  append(dir / "app.log", lines(10, 15));
  TailConfig config = reading(dir / "app.log*");
  {
    Run run(world, config);
    run.pass();
    CHECK(world.texts() == texts(0, 15));
    fs::rename(dir / "app.log.2", dir / "app.log.3");
    fs::rename(dir / "app.log.1", dir / "app.log.2");
    append(dir / "app.log", lines(15, 20));
    fs::rename(dir / "app.log", dir / "app.log.1");
    append(dir / "app.log", lines(20, 25));
    run.pass(seconds(100));
    CHECK(world.texts() == texts(0, 25));
    CHECK(world.received.front().labels.at("filename") == (dir / "app.log").string());
    // It is a name of the pattern: somebody may write there at any time.
    append(dir / "app.log.2", lines(25, 26));
    run.pass();
    CHECK(world.texts() == texts(0, 26));
    run.write_checkpoints();
  }
  Run again(world, config);
  again.pass();
  CHECK(world.received.size() == 26);
}

TEST_CASE("rotation: read_rotated off leaves predecessors alone") {
  TempDir dir;
  World world;
  append(dir / "app.log.1", lines(0, 5));
  append(dir / "app.log", lines(5, 10));
  TailConfig config = reading(dir / "app.log");
  config.read_rotated = false;
  Run run(world, config);
  run.pass();
  CHECK(world.texts() == texts(5, 10));
}

TEST_CASE("rotation: a line in pieces goes on over it, and a run of equal times, too") {
  TempDir dir;
  World world;
  append(dir / "0.log", cri("same", 5) + cri("begun ", 6, "stdout", "P"));
  TailConfig config = reading(dir / "*.log");
  {
    Run run(world, config);
    run.settle_at_once = false;
    run.pass();
    fs::rename(dir / "0.log", dir / ("0.log." + stamp(0)));
    append(dir / "0.log", cri("err", 7, "stderr"));
    run.pass();
    append(dir / "0.log", cri("ended", 8) + cri("same", 6));
    run.pass();
    CHECK(run.waiting() == 3);
    CHECK(run.carried() == Weight{});
    // The new file's lines are safe, those of the old one are not.
    run.settle(2);
    run.settle(1);
    run.write_checkpoints();
  }
  Run again(world, config);
  again.pass();
  std::sort(world.received.begin(), world.received.end());
  world.received.erase(std::unique(world.received.begin(), world.received.end()),
                       world.received.end());
  CHECK(world.received.size() == 4);
  std::vector<std::pair<int64_t, std::string>> out;
  for (const Seen& record : world.received) {
    if (record.labels.at("stream") == "stdout") {
      out.emplace_back(record.time - kT0, record.text);
    }
  }
  std::sort(out.begin(), out.end());
  CHECK(out ==
        std::vector<std::pair<int64_t, std::string>>{{5, "same"}, {6, "begun ended"}, {7, "same"}});
}

TEST_CASE("rotation: until its end is safe, a line that began in the old file holds that one") {
  TempDir dir;
  World world;
  append(dir / "0.log", cri("whole", 5) + cri("begun ", 6, "stdout", "P"));
  TailConfig config = reading(dir / "*.log");
  for (int restart = 0; restart < 3; ++restart) {
    Run run(world, config);
    run.pass();
    if (restart == 0) {
      fs::rename(dir / "0.log", dir / ("0.log." + stamp(0)));
      append(dir / "0.log", cri("err", 7, "stderr"));
    } else if (restart == 1) {
      append(dir / "0.log", cri("ended", 8));
    }
    run.pass(seconds(20));
    run.write_checkpoints();
  }
  // What came after the line's start may come again, but as it was.
  std::sort(world.received.begin(), world.received.end());
  world.received.erase(std::unique(world.received.begin(), world.received.end()),
                       world.received.end());
  Texts got = world.texts();
  std::sort(got.begin(), got.end());
  CHECK(got == Texts{"begun ended", "err", "whole"});
}

TEST_CASE("container restarts: the next start's log is begun when the one before is read") {
  TempDir dir;
  World world;
  const fs::path app = dir / "pods/shop_web_1/app";
  append(app / "10.log", lines(20, 30));
  append(app / "9.log", lines(10, 20));
  append(app / "8.log", lines(0, 10));
  TailConfig config = reading(dir / "pods/*/*/*.log");
  config.exclude_self = false;
  Run run(world, config);
  run.pass();
  CHECK(world.texts() == texts(0, 30));
  run.has_credit = false;
  append(app / "10.log", lines(30, 40));
  append(app / "11.log", lines(40, 50));
  run.pass();
  run.has_credit = true;
  run.input().on_credit();
  run.pass();
  CHECK(world.texts() == texts(0, 50));
}

TEST_CASE("container restarts: what the dead one left unfinished is sent first") {
  TempDir dir;
  World world;
  const fs::path app = dir / "pods/shop_web_1/app";
  TailConfig config = reading(dir / "pods/*/*/*.log");
  config.exclude_self = false;
  append(app / "0.log", cri("whole", 1) + cri("piece", 2, "stdout", "P") +
                            "2026-01-02T03:04:05.000000003Z stderr F torn");
  Run run(world, config);
  run.pass(seconds(1));
  CHECK(world.texts() == Texts{"whole"});
  append(app / "1.log", cri("next", 4));
  run.pass(seconds(1));
  CHECK(world.texts() == Texts{"whole"});
  run.pass(seconds(10));
  Texts got = world.texts();
  REQUIRE(got.size() == 4);
  CHECK(got.back() == "next");
  std::sort(got.begin(), got.end());
  CHECK(got == Texts{"next", "piece", "torn", "whole"});
}

TEST_CASE("truncation: the file is read anew from its start") {
  TempDir dir;
  World world;
  append(dir / "a.log", lines(0, 10));
  Run run(world, reading(dir / "*.log"));
  run.pass();
  fs::resize_file(dir / "a.log", 0);
  run.pass();
  CHECK(run.input().sources().at(0).position == 0);
  append(dir / "a.log", lines(10, 12));
  run.pass();
  CHECK(world.texts() == texts(0, 12));
  CHECK(run.metric("tail_file_shrinks_total") == 1);
  run.pass(seconds(3));
  CHECK(run.rows().size() == 2);  // "started", and one of the file
}

TEST_CASE("truncation: is noticed although the file has grown past the old position") {
  TempDir dir;
  World world;
  append(dir / "a.log", lines(0, 3));
  Run run(world, reading(dir / "*.log"));
  run.pass();
  fs::resize_file(dir / "a.log", 0);
  append(dir / "a.log", lines(3, 30));
  run.pass();
  CHECK(world.texts() == texts(0, 30));
}

TEST_CASE("truncation: what was not read yet is found in the copy") {
  TempDir dir;
  World world;
  append(dir / "app.log.2", lines(990, 995));  // of a former life, older than all
  append(dir / "app.log", lines(0, 10) + cri("begun ", 500, "stdout", "P"));
  TailConfig config = reading(dir / "app.log");
  config.read_rotated = true;
  {
    Run run(world, config);
    run.settle_at_once = false;
    run.pass();
    const size_t before = run.waiting();
    CHECK(run.carried().records == 1);
    append(dir / "app.log", cri("ended", 501) + lines(10, 20));
    fs::copy_file(dir / "app.log", dir / "app.log.1");
    fs::resize_file(dir / "app.log", 0);
    append(dir / "app.log", lines(20, 25));
    run.pass();
    CHECK(run.carried() == Weight{});
    CHECK(run.waiting() > before);
    run.write_checkpoints();  // nothing is settled: all has to come again
  }
  Run again(world, config);
  again.pass(seconds(30));
  std::sort(world.received.begin(), world.received.end());
  const Texts got = world.texts();
  for (const std::string& line : texts(0, 25)) {
    CHECK(std::count(got.begin(), got.end(), line) >= 1);
  }
  CHECK(std::count(got.begin(), got.end(), "begun ended") == 1);
  CHECK(again.metric("tail_lost_rotations_total") == 0);
}

TEST_CASE("deletion: a deleted file is read to its end, closed, and its row goes") {
  TempDir dir;
  World world;
  append(dir / "a.log", lines(0, 5));
  Run run(world, reading(dir / "*.log"));
  run.pass();
  run.settle_at_once = false;
  append(dir / "a.log", lines(5, 10) + "2026-01-02T03:04:05.9Z stdout F torn");
  fs::remove(dir / "a.log");
  run.pass();
  REQUIRE(run.waiting() == 1);
  CHECK_FALSE(run.rereadable(0));
  run.pass(seconds(20));
  REQUIRE(run.waiting() == 2);  // the torn end comes when nobody can end it any more
  CHECK(run.metric("tail_files_open") == 1);
  run.settle_all();
  run.pass(seconds(20));
  CHECK(world.texts().back() == "torn");
  CHECK(world.received.size() == 11);
  CHECK(run.metric("tail_files_open") == 0);
  CHECK(run.rows().size() == 1);
  CHECK(run.input().sources().empty());
}

TEST_CASE("deletion: a name that is created anew is a new file, with its old siblings done") {
  TempDir dir;
  World world;
  append(dir / "app.log", lines(0, 5));
  Run run(world, reading(dir / "app.log"));
  run.pass();
  fs::rename(dir / "app.log", dir / "app.log.1");
  append(dir / "app.log", lines(5, 10));
  run.pass(seconds(20));
  fs::remove(dir / "app.log");
  run.pass(seconds(20));
  append(dir / "app.log", lines(10, 15));
  run.pass(seconds(20));
  CHECK(world.texts() == texts(0, 15));
}

TEST_CASE("deletion: the inode of a file that was given up may be another file's") {
  TempDir dir;
  World world;
  append(dir / "0.log", lines(0, 1));
  TailConfig config = reading(dir / "*.log");
  config.max_deleted_held = {100};
  Run run(world, config);
  run.pass();
  run.settle_at_once = false;  // it is not finished while this is under way
  append(dir / "0.log", lines(1, 2));
  run.pass();
  run.has_credit = false;
  append(dir / "0.log", lines(2, 50));
  fs::remove(dir / "0.log");
  run.pass(seconds(2));
  CHECK(run.metric("tail_deleted_given_up_total") == 1);
  append(dir / "0.log", lines(50, 60));
  run.has_credit = true;
  run.input().on_credit();
  run.pass(seconds(2));
  run.settle_all();
  CHECK(std::ranges::count(world.texts(), "line 59") == 1);
}

TEST_CASE("deletion: max_deleted_held bounds what deleted files take on the disk") {
  TempDir dir;
  World world;
  TailConfig config = reading(dir / "*.log");
  config.max_deleted_held.bytes = 1000;
  append(dir / "a.log", lines(0, 1));
  Run run(world, config);
  run.pass();
  run.has_credit = false;
  append(dir / "a.log", lines(1, 100));
  fs::remove(dir / "a.log");
  run.pass(seconds(5));
  CHECK(run.losses().contains("max_deleted_held"));
  CHECK(run.metric("tail_deleted_given_up_total") == 1);
  run.has_credit = true;
  run.input().on_credit();
  run.pass(seconds(30));
  CHECK(world.received.size() == 1);
  CHECK(run.metric("tail_files_open") == 0);
}

TEST_CASE("rename: to another name of the pattern, the file goes on with the labels that it has") {
  TempDir dir;
  World world;
  append(dir / "first.log", "one\n");
  Run run(world, reading(dir / "*.log", Format::raw));
  run.pass();
  fs::rename(dir / "first.log", dir / "second.log");
  run.pass();
  append(dir / "second.log", "two\n");
  run.pass(seconds(100));
  append(dir / "second.log", "three\n");
  append(dir / "first.log", "another\n");
  run.pass();
  REQUIRE(world.received.size() == 4);
  CHECK(world.received[1].text == "two");
  CHECK(world.received[1].labels.at("filename") == (dir / "first.log").string());
  std::sort(world.received.begin(), world.received.end());
  CHECK(std::count_if(world.received.begin(), world.received.end(), [&](const Seen& record) {
          return record.labels.at("filename") == (dir / "first.log").string();
        }) == 4);
}
