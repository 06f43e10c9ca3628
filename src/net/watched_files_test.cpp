#include "net/watched_files.h"

#include <filesystem>

#include <doctest/doctest.h>

#include "testkit/manual_lane.h"
#include "testkit/test_certificates.h"

using namespace tailrace;
using namespace std::chrono_literals;
using net::WatchedFiles;
using testkit::ManualLane;

namespace {

/// What fresh() last handed over, as text: "name=content", or "error: …", or "" while nothing has.
struct Handed {
  std::string text;
  std::shared_ptr<const WatchedFiles::Contents> contents;

  WatchedFiles::Done done() {
    return [this](const Status& status, const auto& files) {
      contents = files;
      text.clear();
      if (!status) {
        text = "error: " + status.error().message;
        return;
      }
      for (const auto& [path, content] : *files) {
        text += std::filesystem::path(path).filename().string() + "=" + content + " ";
      }
    };
  }
};

}  // namespace

TEST_CASE("WatchedFiles: nothing to watch is ready at once") {
  ManualLane lane;
  WatchedFiles files(lane, {"", ""});
  Handed handed;
  files.fresh(handed.done());
  REQUIRE(handed.contents != nullptr);
  CHECK(handed.contents->empty());
}

TEST_CASE("WatchedFiles: looks at most once a second, off the lane, and reads what changed") {
  testkit::TempFolder folder;
  folder.write("a", "1");
  folder.write("b", "2");
  ManualLane lane;
  WatchedFiles files(lane, {folder.path("a"), folder.path("b"), folder.path("a")});
  Handed handed;
  files.fresh(handed.done());
  CHECK(handed.text.empty());
  lane.turn();
  CHECK(handed.text == "a=1 b=2 ");
  const auto first = handed.contents;

  folder.write("a", "changed");
  lane.advance(999ms);
  files.fresh(handed.done());
  CHECK(handed.contents == first);
  lane.advance(1ms);
  files.fresh(handed.done());
  CHECK(handed.contents == first);  // not yet: the look is under way
  lane.turn();
  CHECK(handed.text == "a=changed b=2 ");

  const auto second = handed.contents;
  lane.advance(1s);
  files.fresh(handed.done());
  lane.turn();
  CHECK(handed.contents == second);  // nothing changed: the very same object
}

TEST_CASE("WatchedFiles: a file that never was is an error, one that went away keeps its content") {
  testkit::TempFolder folder;
  folder.write("there", "x");
  ManualLane lane;
  WatchedFiles files(lane, {folder.path("there"), folder.path("late")});
  Handed handed;
  files.fresh(handed.done());
  lane.turn();
  CHECK(handed.text == "error: cannot read " + folder.path("late") + ": No such file or directory");
  CHECK(handed.contents == nullptr);
  folder.write("late", "y");
  lane.advance(1s);
  files.fresh(handed.done());
  lane.turn();
  CHECK(handed.text == "late=y there=x ");
  std::filesystem::remove(folder.path("late"));
  lane.advance(1s);
  files.fresh(handed.done());
  lane.turn();
  CHECK(handed.text == "late=y there=x ");
  folder.write("late", "z");
  lane.advance(1s);
  files.fresh(handed.done());
  lane.turn();
  CHECK(handed.text == "late=z there=x ");
}

TEST_CASE("WatchedFiles: load_now reads at once; folders and huge files are refused") {
  testkit::TempFolder folder;
  folder.write("a", "1");
  ManualLane lane;
  WatchedFiles files(lane, {folder.path("a")});
  CHECK(files.load_now().has_value());
  CHECK(files.last()->at(folder.path("a")) == "1");
  CHECK_FALSE(WatchedFiles(lane, {folder.path(".")}).load_now().has_value());
  folder.write("huge", std::string(5 * 1024 * 1024, 'x'));
  const Status huge = WatchedFiles(lane, {folder.path("huge")}).load_now();
  REQUIRE_FALSE(huge.has_value());
  CHECK(huge.error().code == ErrorCode::limit);
}

TEST_CASE("WatchedFiles: destroyed while a look is under way, it calls nobody") {
  testkit::TempFolder folder;
  folder.write("a", "1");
  ManualLane lane;
  Handed handed;
  {
    WatchedFiles files(lane, {folder.path("a")});
    files.fresh(handed.done());
  }
  lane.turn();
  CHECK(handed.text.empty());
}

TEST_CASE("WatchedFiles: trimmed") {
  CHECK(net::trimmed(" secret \r\n") == "secret");
  CHECK(net::trimmed("two words\n") == "two words");
  CHECK(net::trimmed("\n\n").empty());
  CHECK(net::trimmed("").empty());
}
