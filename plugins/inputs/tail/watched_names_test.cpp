#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/inputs/tail/tail_bench_test.h"

using namespace tailrace;
using namespace tailrace::inputs::tail;
using namespace tailrace::inputs::tail::testing;

TEST_CASE("names: a file's events go on when what had its name before was closed") {
  const std::vector<std::pair<std::string, std::function<void(const fs::path&)>>> ways = {
      {"deleted", [](const fs::path& path) { fs::remove(path); }},
      {"truncated", [](const fs::path& path) { fs::resize_file(path, 0); }},
      {"renamed and compressed at once",
       [](const fs::path& path) {
         fs::rename(path, path.string() + ".1");
         gzip(path.string() + ".1");
       }},
      {"moved away", [](const fs::path& path) { fs::rename(path, path.string() + "-old"); }},
  };
  for (const auto& way : ways) {
    INFO("the first one was " << way.first);
    TempDir dir;
    World world;
    append(dir / "app.log", "first\n");
    Run run(world, reading(dir / "*.log", Format::raw));
    run.pass();
    way.second(dir / "app.log");
    append(dir / "app.log", "2nd\n");
    run.pass(seconds(20));  // longer than rotate_wait
    REQUIRE(world.received.size() == 2);
    REQUIRE(run.metric("tail_files_open") == 1);
    append(dir / "app.log", "third\n");
    run.pass();
    CHECK(world.texts() == std::vector<std::string>{"first", "2nd", "third"});
    CHECK(run.metric("tail_rescans_total") == 1);  // none but the first
  }
}

TEST_CASE("names: that of a rotated file is the next one's when the last one was closed") {
  TempDir dir;
  World world;
  append(dir / "app.log", "first\n");
  Run run(world, reading(dir / "app.log*", Format::raw));
  for (const char* const line : {"second\n", "third\n"}) {
    run.pass();
    fs::rename(dir / "app.log", dir / "app.log.1");
    append(dir / "app.log", line);
  }
  run.pass(seconds(20));
  REQUIRE(run.metric("tail_files_open") == 2);
  append(dir / "app.log.1", "late\n");
  run.pass();
  CHECK(world.texts() == std::vector<std::string>{"first", "second", "third", "late"});
  CHECK(run.metric("tail_rescans_total") == 1);
}

TEST_CASE("names: that of a rotated file which became another source's is nobody's") {
  TempDir dir;
  World world;
  const fs::path rotated = dir / "app.log.20260102-030405";
  append(rotated, "first\n");
  Run run(world, reading(dir / "*", Format::raw));
  run.pass();
  fs::rename(rotated, dir / "other.log");
  run.pass(seconds(20));
  append(rotated, "second\n");
  append(dir / "other.log", "third\n");
  run.pass(seconds(1));
  CHECK(run.metric("tail_files_open") == 2);
  CHECK(world.received.size() == 3);
}
