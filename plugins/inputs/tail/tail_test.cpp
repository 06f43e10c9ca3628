#include "plugins/inputs/tail/tail.h"

#include <fstream>
#include <set>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "plugins/inputs/tail/tail_bench_test.h"
#include "testkit/config_text.h"

using namespace tailrace;
using namespace tailrace::inputs::tail;
using namespace tailrace::inputs::tail::testing;
using Texts = std::vector<std::string>;

namespace {

TailConfig raw(const fs::path& include) {
  TailConfig config;
  config.include = {include.string()};
  config.format = Format::raw;
  return config;
}

/// How many directories this process asks the kernel for writes of.
int directories_with_write_events() {
  int found = 0;
  for (const auto& descriptor : fs::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream info(descriptor.path());
    for (std::string word; info >> word;) {
      if (word.starts_with("mask:")) {
        found += (std::stoul(word.substr(5), nullptr, 16) & IN_MODIFY) != 0 ? 1 : 0;
      }
    }
  }
  return found;
}

}  // namespace

TEST_CASE("tail: reads what is there, and what comes later") {
  TempDir dir;
  World world;
  append(dir / "a.log", "one\ntwo\n");
  Run run(world, raw(dir / "*.log"));
  run.pass();
  CHECK(world.texts() == Texts{"one", "two"});
  CHECK(world.received[0].labels ==
        std::map<std::string, std::string>{{"filename", (dir / "a.log").string()}});
  append(dir / "a.log", "three\n");
  run.pass();
  CHECK(world.texts() == Texts{"one", "two", "three"});
  append(dir / "b.log", "new file\n");
  run.pass();
  CHECK(world.texts().back() == "new file");
  CHECK(run.metric("tail_lines_total") == 4);
  CHECK(run.metric("tail_files_open") == 2);
}

TEST_CASE("tail: an unfinished last line waits") {
  TempDir dir;
  World world;
  append(dir / "a.log", "one\ntw");
  Run run(world, raw(dir / "*.log"));
  run.pass(seconds(100));
  CHECK(world.texts() == Texts{"one"});
  append(dir / "a.log", "o\n");
  run.pass();
  CHECK(world.texts() == Texts{"one", "two"});
}

TEST_CASE("tail: directories and links that come later") {
  TempDir dir;
  World world;
  Run run(world, raw(dir / "x/*/**/*.log"));
  run.pass();
  append(dir / "x/y/deep/er/a.log", "deep\n");
  run.pass();
  CHECK(world.texts() == Texts{"deep"});
  append(dir / "elsewhere/real.txt", "linked\n");
  fs::create_symlink(dir / "elsewhere/real.txt", dir / "x/y/link.log");
  run.pass();
  CHECK(world.texts() == Texts{"deep", "linked"});
  append(dir / "elsewhere/real.txt", "more\n");
  run.pass();
  CHECK(world.texts().back() == "more");
  CHECK(world.received.back().labels.at("filename") == (dir / "x/y/link.log").string());
}

TEST_CASE("tail: one file under two names is read once") {
  TempDir dir;
  World world;
  append(dir / "real/a.log", "once\n");
  fs::create_directories(dir / "links");
  fs::create_symlink(dir / "real/a.log", dir / "links/a.log");
  fs::create_symlink(dir / "real/a.log", dir / "links/b.log");
  fs::create_hard_link(dir / "real/a.log", dir / "links/c.log");
  Run run(world, raw(dir / "links/*.log"));
  run.pass();
  CHECK(world.texts() == Texts{"once"});
}

TEST_CASE("tail: exclusions, pipes and directories are left out") {
  TempDir dir;
  World world;
  append(dir / "a.log", "a\n");
  append(dir / "b.log", "b\n");
  fs::create_directories(dir / "folder.log");
  REQUIRE(::mkfifo((dir / "pipe.log").c_str(), 0600) == 0);
  TailConfig config = raw(dir / "*.log");
  config.exclude = {"b*"};
  Run run(world, config);
  run.pass();
  CHECK(world.texts() == Texts{"a"});
}

TEST_CASE("tail: a container's log, by its link, gets namespace, pod, container and stream") {
  TempDir dir;
  World world;
  const fs::path real = dir / "pods/shop_web-0_12-34/app/0.log";
  append(real, cri("out", 1) + cri("err", 2, "stderr"));
  fs::create_directories(dir / "containers");
  fs::create_symlink(real, dir / ("containers/web-0_shop_app-" + std::string(64, 'a') + ".log"));
  TailConfig config;
  config.include = {(dir / "containers/*.log").string()};
  config.exclude_self = false;
  Run run(world, config);
  run.pass();
  REQUIRE(world.received.size() == 2);
  CHECK(world.received[0] ==
        Seen{{{"namespace", "shop"}, {"pod", "web-0"}, {"container", "app"}, {"stream", "stdout"}},
             kT0 + 1,
             "out",
             {}});
  CHECK(world.received[1].labels.at("stream") == "stderr");
}

TEST_CASE("tail: our own container's log is left out unless asked for") {
  TempDir dir;
  REQUIRE(::setenv("POD_NAME", "tailrace-x", 1) == 0);
  REQUIRE(::setenv("POD_NAMESPACE", "logging", 1) == 0);
  append(dir / "pods/logging_tailrace-x_1/tailrace/0.log", cri("ours", 1));
  append(dir / "pods/other_tailrace-x_2/app/0.log", cri("theirs", 1));
  TailConfig config;
  config.include = {(dir / "pods/*/*/*.log").string()};
  for (const bool exclude : {true, false}) {
    World world;
    config.exclude_self = exclude;
    Run run(world, config);
    run.pass();
    CHECK(world.received.size() == (exclude ? 1 : 2));
  }
  ::unsetenv("POD_NAME");
  ::unsetenv("POD_NAMESPACE");
}

TEST_CASE("tail: files larger than a turn are read to their end, with all their lines") {
  TempDir dir;
  World world;
  std::string text;
  for (int i = 0; i < 100000; ++i) {
    text +=
        "line " + std::to_string(i) + " " + std::string(static_cast<size_t>(i % 97), 'x') + "\n";
  }
  append(dir / "a.log", text);
  Run run(world, raw(dir / "*.log"));
  run.pass();
  REQUIRE(world.received.size() == 100000);
  for (int i = 0; i < 100000; ++i) {
    REQUIRE(
        world.received[static_cast<size_t>(i)].text.starts_with("line " + std::to_string(i) + " "));
  }
  CHECK(run.pushed() == Weight{100000, text.size()});
}

TEST_CASE("tail: a busy directory is muted for a while, and no write is missed") {
  TempDir dir;
  World world;
  append(dir / "a.log", "0\n");
  append(dir / "b.log", "0\n");
  Run run(world, raw(dir / "*.log"));
  run.pass();
  REQUIRE(directories_with_write_events() == 1);
  size_t lines = 2;
  int muted = 0;
  for (int turn = 0; turn < 60; ++turn) {
    // In turns: the kernel makes one event of equal ones that follow each other.
    for (int i = 0; i < 40; ++i) {
      append(dir / (i % 2 == 0 ? "a.log" : "b.log"), std::to_string(++lines) + "\n");
    }
    run.pass(milliseconds(100));
    CHECK(world.received.size() == lines);
    muted += directories_with_write_events() == 0 ? 1 : 0;
  }
  CHECK(muted > 30);
  run.pass(seconds(3));
  CHECK(directories_with_write_events() == 1);
  append(dir / "a.log", "last\n");
  run.pass();
  CHECK(world.texts().back() == "last");
  CHECK(run.metric("tail_stuck_total") == 0);
}

TEST_CASE("tail: files with data take turns") {
  TempDir dir;
  World world;
  for (const char* name : {"a.log", "b.log"}) {
    append(dir / name, std::string(4 * kMaxBlockBytes, name[0]).replace(99, 1, "\n"));
    for (int i = 0; i < 40; ++i) {
      append(dir / name, "\n" + std::string(kMaxBlockBytes / 2, name[0]) + "\n");
    }
  }
  append(dir / "c.log", "quiet\n");
  Run run(world, raw(dir / "*.log"));
  while (world.texts().empty() || world.texts().back() != "quiet") {
    REQUIRE(run.manual_lane().turn(1));
  }
  CHECK(run.pushed().bytes < 4 * kMaxBlockBytes);
  run.pass();
  CHECK(run.metric("tail_lag_bytes") == 0);
}

TEST_CASE("tail: does not read without credit, and goes on with it") {
  TempDir dir;
  World world;
  append(dir / "a.log", "one\n");
  Run run(world, raw(dir / "*.log"));
  run.has_credit = false;
  run.pass(seconds(10));
  CHECK(world.received.empty());
  CHECK(run.metric("tail_lag_bytes") == 4);
  CHECK(run.metric("tail_lag_seconds") > 0);
  run.has_credit = true;
  run.input().on_credit();
  run.pass();
  CHECK(world.texts() == Texts{"one"});
  CHECK(run.metric("tail_lag_bytes") == 0);
}

TEST_CASE("tail: waits for memory to carry an unfinished line, and loses nothing meanwhile") {
  TempDir dir;
  World world;
  const std::string piece(1000, 'p');
  append(dir / "a.log", cri("before", 1) + cri(piece, 2, "stdout", "P"));
  TailConfig config;
  config.include = {(dir / "*.log").string()};
  Run run(world, config);
  run.memory_left = 100;
  run.pass(seconds(5));
  CHECK(world.received.empty());
  CHECK(run.metric("tail_memory_waits_total") > 0);
  run.memory_left = 5000;
  run.pass(seconds(1));
  CHECK(world.texts() == Texts{"before"});
  CHECK(run.memory_left == 4000);
  CHECK(run.carried().records == 1);
  append(dir / "a.log", cri("end", 3));
  run.pass();
  CHECK(world.texts() == Texts{"before", piece + "end"});
  CHECK(run.memory_left == 5000);
  CHECK(run.carried() == Weight{});
  CHECK(run.taken() == run.pushed());
}

TEST_CASE("tail: a line without an end is sent after partial_timeout, and the rest is a new one") {
  TempDir dir;
  World world;
  append(dir / "a.log", cri("prompt", 1, "stdout", "P") + cri("other", 2, "stderr"));
  TailConfig config;
  config.include = {(dir / "*.log").string()};
  Run run(world, config);
  run.pass(seconds(29));
  CHECK(world.texts() == Texts{"other"});
  run.pass(seconds(3));
  CHECK(world.texts() == Texts{"other", "prompt"});
  append(dir / "a.log", cri("rest", 3));
  run.pass();
  CHECK(world.texts() == Texts{"other", "prompt", "rest"});
  CHECK(run.metric("tail_partial_flushes_total") == 1);
  CHECK(run.carried() == Weight{});
}

TEST_CASE("tail: a decision is on disk before anybody sees its effect, and a replay repeats it") {
  TempDir dir;
  World world;
  append(dir / "a.log", cri("prompt", 1, "stdout", "P"));
  TailConfig config;
  config.include = {(dir / "*.log").string()};
  {
    Run run(world, config);
    run.pass();
    run.disk_works = false;
    run.pass(seconds(60));
    CHECK(world.received.empty());
    append(dir / "a.log", cri("late end", 2));
    run.pass();
    CHECK(world.received.empty());
    run.settle_at_once = false;
    run.repair_disk();
    run.pass();
    CHECK(run.waiting() == 2);
    run.receive_without_answer(0);
  }
  CHECK(world.texts() == Texts{"prompt"});
  {
    Run again(world, config);
    again.pass();
  }
  CHECK(world.texts() == Texts{"prompt", "prompt", "late end"});
  CHECK(world.received[0] == world.received[1]);
}

TEST_CASE("tail: start_at end reads only what is new, files that come later from their start") {
  TempDir dir;
  World world;
  append(dir / "a.log", "old\nunfini");
  append(dir / "a.log.1", "older\n");
  TailConfig config = raw(dir / "*.log");
  config.start_at = StartAt::end;
  {
    Run run(world, config);
    run.pass();
    append(dir / "a.log", "shed\n");
    append(dir / "b.log", "new file\n");
    run.pass();
    CHECK(world.texts() == Texts{"unfinished", "new file"});
    run.write_checkpoints();
  }
  append(dir / "a.log", "while down\n");
  append(dir / "c.log", "file of the night\n");
  Run run(world, config);
  run.pass();
  const Texts texts = world.texts();
  CHECK(std::set<std::string>(texts.begin() + 2, texts.end()) ==
        std::set<std::string>{"while down", "file of the night"});
}

TEST_CASE("tail: a file that cannot be opened is counted, shown and tried again") {
  if (::getuid() == 0) {
    return;  // root may read everything
  }
  TempDir dir;
  World world;
  append(dir / "a.log", "secret\n");
  fs::permissions(dir / "a.log", fs::perms::none);
  Run run(world, raw(dir / "*.log"));
  run.pass();
  CHECK(run.metric("tail_unreadable_total") == 1);
  fs::permissions(dir / "a.log", fs::perms::owner_all);
  run.pass(seconds(150));
  CHECK(world.texts() == Texts{"secret"});
}

TEST_CASE("tail: what the events missed is found by a rescan, opened again and asked for") {
  TempDir dir;
  World world;
  append(dir / "a.log", "one\n");
  // Writing through a name in another directory is an event of that directory only.
  fs::create_directories(dir / "other");
  fs::create_hard_link(dir / "a.log", dir / "other/name");
  const auto write_unseen = [&](const char* line) {
    append(dir / "other/name", line);
    const timespec times[2] = {{1000, 0}, {1000, 0}};  // long ago, as the manual clock goes
    REQUIRE(::utimensat(AT_FDCWD, (dir / "a.log").c_str(), times, 0) == 0);
  };
  Run run(world, raw(dir / "*.log"));
  run.pass();
  write_unseen("two\n");
  run.pass(seconds(50));
  CHECK(world.received.size() == 1);
  run.pass(seconds(15));
  CHECK(world.texts() == Texts{"one", "two"});
  CHECK(run.metric("tail_stuck_total") == 1);
  write_unseen("three\n");
  run.pass(seconds(2));
  CHECK(world.texts().back() == "three");
}

TEST_CASE("tail: ignore_older leaves old files alone until they are written again") {
  TempDir dir;
  World world;
  append(dir / "a.log", "old\n");
  const timespec times[2] = {{1000, 0}, {1000, 0}};
  REQUIRE(::utimensat(AT_FDCWD, (dir / "a.log").c_str(), times, 0) == 0);
  TailConfig config = raw(dir / "*.log");
  config.ignore_older = std::chrono::hours(24);
  Run run(world, config);
  run.pass();
  CHECK(world.received.empty());
  append(dir / "a.log", "new\n");
  run.pass();
  CHECK(world.texts() == Texts{"old", "new"});
}

TEST_CASE("tail: once reads everything, ends what is open, and says when it is done") {
  TempDir dir;
  World world;
  append(dir / "a.log", cri("whole", 1) + cri("pending", 2, "stdout", "P") +
                            "2026-01-02T03:04:05.3Z stderr F torn");
  append(dir / "b.log", "");
  TailConfig config;
  config.include = {(dir / "*.log").string()};
  {
    Run run(world, config, true);
    run.has_credit = false;
    run.pass();
    CHECK_FALSE(run.is_finished());
    run.has_credit = true;
    run.input().on_credit();
    run.pass(milliseconds(0));
    CHECK(run.is_finished());
    CHECK(run.carried() == Weight{});
    run.write_checkpoints();
  }
  const Texts texts = world.texts();
  CHECK(std::multiset<std::string>(texts.begin(), texts.end()) ==
        std::multiset<std::string>{"whole", "pending", "torn"});
  append(dir / "a.log", " more\n" + cri("next", 4));
  Run again(world, config, true);
  again.pass();
  CHECK(again.is_finished());
  CHECK(world.texts().back() == "next");
  CHECK(world.received.size() == 5);
}

TEST_CASE("tail: once with nothing to read ends") {
  TempDir dir;
  World world;
  Run run(world, raw(dir / "*.log"), true);
  run.pass();
  CHECK(run.is_finished());
}

TEST_CASE("tail: lanes share the files out, each file to one of them") {
  TempDir dir;
  World world;
  for (int i = 0; i < 40; ++i) {
    append(dir / (std::to_string(i) + ".log"), "file " + std::to_string(i) + "\n");
  }
  size_t first = 0;
  for (uint32_t lane = 0; lane < 2; ++lane) {
    Run run(world, raw(dir / "*.log"), false, lane, 2);
    run.pass();
    first = lane == 0 ? world.received.size() : first;
  }
  CHECK(first > 5);
  CHECK(first < 35);
  CHECK(world.received.size() == 40);
  const Texts texts = world.texts();
  CHECK(std::set<std::string>(texts.begin(), texts.end()).size() == 40);
}

TEST_CASE("tail: stop ends reading, and checkpoints follow what settles later") {
  TempDir dir;
  World world;
  append(dir / "a.log", "one\n");
  {
    Run run(world, raw(dir / "*.log"));
    run.settle_at_once = false;
    run.pass();
    run.input().stop();
    append(dir / "a.log", "two\n");
    run.pass();
    CHECK(run.waiting() == 1);
    run.settle_all();
    world.durable = run.rows();  // without another turn of the lane
  }
  Run again(world, raw(dir / "*.log"));
  again.pass();
  CHECK(world.texts() == Texts{"one", "two"});
}

TEST_CASE("tail: a checkpoint of a newer version is refused at start") {
  TempDir dir;
  World world;
  std::string row = encode_row({});
  row[0] = 77;
  world.durable.emplace("key", row);
  CheckpointRow none;
  CHECK(decode_row(row).error().code == ErrorCode::unsupported);
}

TEST_CASE("tail: sources for the admin API") {
  TempDir dir;
  World world;
  append(dir / "a.log", "one\ntwo\nthr");
  Run run(world, raw(dir / "*.log"));
  run.settle_at_once = false;
  run.pass();
  auto rows = run.input().sources();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].name == (dir / "a.log").string());
  CHECK(rows[0].position == 8);
  CHECK(rows[0].size == 11);
  CHECK(rows[0].settled == 0);
  CHECK(rows[0].waiting_bytes == 8);
  CHECK(rows[0].state == "idle");
  run.settle_all();
  CHECK(run.input().sources()[0].settled == 8);
}

TEST_CASE("tail: options are checked where they are written") {
  const auto errors = [](const char* yaml) {
    return testkit::read_config<TailConfig>(tail_schema(), yaml).errors().size();
  };
  CHECK(errors("include: [/var/log/*.log]\n") == 0);
  CHECK(errors("format: cri\n") == 1);
  CHECK(errors("include: [relative.log]\n") == 1);
  CHECK(errors("include: [/x]\nlabels: [pod, nonsense]\n") == 1);
  CHECK(errors("include: [/x]\nmax_line_size: 10\n") == 1);
  CHECK(errors("include: [/x]\nformat: xml\n") == 1);
  CHECK(testkit::read_config<TailConfig>(tail_schema(), "include: [/x]\nformat: raw\n")
            .warnings()
            .size() == 1);
}
