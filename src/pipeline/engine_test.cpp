#include <algorithm>
#include <set>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "testkit/crash_fs.h"
#include "testkit/engine_bench.h"
#include "testkit/line_plugins.h"
#include "testkit/temp_folder.h"

using namespace tailrace;
using namespace std::chrono_literals;
using testkit::append_lines;
using testkit::EngineBench;
using testkit::FakeServer;
using testkit::line_plugins;
using testkit::numbered;
using testkit::taken_lines;

namespace {

/// A folder with the inputs' files, and the agent's disk.
struct World {
  testkit::TempFolder folder;
  testkit::CrashFs disk;
};

}  // namespace

TEST_CASE("Engine: what an input reads arrives at every output of its pipelines, once") {
  World world;
  append_lines(world.folder.path("a"), numbered("a", 500));
  EngineBench bench(fmt::format(R"(
inputs:
  files: {{type: lines, paths: ["{}"]}}
outputs:
  one: {{type: words, url: "http://one/"}}
  two: {{type: words, url: "http://two/"}}
pipelines:
  p: {{inputs: [files], outputs: [one, two]}}
)",
                                world.folder.path("a")),
                    line_plugins(), world.disk);
  REQUIRE(bench.settle());
  CHECK(taken_lines(bench.server(), "http://one/") == numbered("a", 500));
  CHECK(taken_lines(bench.server(), "http://two/") == numbered("a", 500));
  CHECK(bench.row("files", "p", "one").delivered.records == 500);
  CHECK(bench.metric("input_records_total", {{"component", "files"}}) == 500);
  CHECK(bench.stop());
}
