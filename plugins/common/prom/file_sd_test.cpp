#include <cstdio>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "plugins/common/prom/discovery_test.h"
#include "plugins/common/prom/sd_options.h"
#include "testkit/temp_folder.h"

namespace tailrace::common::prom {
namespace {

using namespace std::chrono_literals;

FileSdConfig config_of(StringList files) {
  FileSdConfig config;
  config.files = std::move(files);
  return config;
}

TEST_CASE("file_sd: reads JSON and YAML, and names the file in a label") {
  const testkit::TempFolder folder;
  write_file(folder.path("a.json"), R"([{"targets": ["a:1"], "labels": {"x": "y"}}])");
  write_file(folder.path("b.yml"), "- targets: ['b:1']\n- targets: ['b:2']\n");
  write_file(folder.path("c.txt"), "- targets: ['c:1']\n");
  const FileSdConfig config = config_of({folder.path("*.json"), folder.path("b.yml")});
  DiscoveryBench bench;
  Followed followed(bench, config);
  CHECK(followed.told == 0);  // never from within start()
  bench.lane.turn();
  CHECK(followed.told == 1);
  CHECK(followed.addresses() == "a:1 b:1 b:2 ");
  CHECK(followed.groups[folder.path("a.json") + ":0"].labels ==
        LabelPairs{{"x", "y"}, {"__meta_filepath", folder.path("a.json")}});
  CHECK(config.known_groups().size() == 3);
}

TEST_CASE("file_sd: a change is seen at once, and only what is different is told") {
  const testkit::TempFolder folder;
  write_file(folder.path("a.json"), R"([{"targets": ["a:1"]}])");
  write_file(folder.path("b.json"), R"([{"targets": ["b:1"]}])");
  const FileSdConfig config = config_of({folder.path("*.json")});
  DiscoveryBench bench;
  Followed followed(bench, config);
  bench.lane.turn();
  CHECK(followed.addresses() == "a:1 b:1 ");

  write_file(folder.path("a.json"), R"([{"targets": ["a:1"]}, {"targets": ["a:2"]}])");
  bench.lane.turn();
  bench.lane.advance(200ms);
  CHECK(followed.addresses() == "a:1 a:2 b:1 ");
  CHECK(followed.told == 2);

  write_file(folder.path("a.json"), R"([{"targets": ["a:3"]}])");
  std::filesystem::remove(folder.path("b.json"));
  bench.lane.turn();
  bench.lane.advance(200ms);
  CHECK(followed.addresses() == "a:3 ");

  // The same again: nothing to tell.
  const int told = followed.told;
  write_file(folder.path("a.json"), R"([ {"targets": ["a:3"]} ])");
  bench.lane.turn();
  bench.lane.advance(200ms);
  CHECK(followed.told == told);
}

TEST_CASE("file_sd: a broken file keeps the groups that it had, and is counted") {
  const testkit::TempFolder folder;
  write_file(folder.path("a.json"), R"([{"targets": ["a:1"]}])");
  const FileSdConfig config = config_of({folder.path("a.json")});
  DiscoveryBench bench;
  Followed followed(bench, config);
  bench.lane.turn();
  write_file(folder.path("a.json"), R"([{"targets": ["a:1", "a:2"]}, {"tar)");
  bench.lane.turn();
  bench.lane.advance(200ms);
  CHECK(followed.addresses() == "a:1 ");
  CHECK(bench.failures("file") == 1);
  write_file(folder.path("a.json"), R"([{"targets": ["a:1", "a:2"]}])");
  bench.lane.turn();
  bench.lane.advance(200ms);
  CHECK(followed.addresses() == "a:1 a:2 ");
}

TEST_CASE("file_sd: without news files are looked at every refresh_interval") {
  const testkit::TempFolder folder;
  const FileSdConfig config = config_of({folder.path("later/a.json")});  // no such folder yet
  DiscoveryBench bench;
  Followed followed(bench, config);
  bench.lane.turn();
  CHECK(followed.told == 1);
  CHECK(followed.groups.empty());
  std::filesystem::create_directory(folder.path("later"));
  write_file(folder.path("later/a.json"), R"([{"targets": ["a:1"]}])");
  bench.lane.turn();
  bench.lane.advance(4min);
  CHECK(followed.groups.empty());
  bench.lane.advance(2min);
  CHECK(followed.addresses() == "a:1 ");
  // Watched from now on.
  write_file(folder.path("later/a.json"), R"([{"targets": ["a:2"]}])");
  bench.lane.turn();
  bench.lane.advance(200ms);
  CHECK(followed.addresses() == "a:2 ");
}

}  // namespace
}  // namespace tailrace::common::prom
