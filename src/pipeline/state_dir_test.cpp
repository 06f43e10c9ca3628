#include "pipeline/state_dir.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testkit/temp_folder.h"

using namespace tailrace;
using pipeline::StateDir;

namespace {

std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void write(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("StateDir: makes the folder, and takes it again after it was let go") {
  testkit::TempFolder top;
  const std::string path = top.path() + "/a/b";
  for (int i = 0; i < 2; ++i) {
    const auto state = StateDir::take(path);
    REQUIRE(state);
    CHECK(state->path() == path);
    CHECK(read(path + "/lock") == std::to_string(getpid()) + "\n");
    CHECK(contains(read(path + "/version"), "tailrace-state 1\nbuild "));
  }
  CHECK(!std::filesystem::exists(path + "/version.new"));
}

TEST_CASE("StateDir: one that another agent holds is refused with its process id") {
  testkit::TempFolder top;
  auto first = StateDir::take(top.path());
  REQUIRE(first);
  const auto second = StateDir::take(top.path());
  REQUIRE(!second);
  CHECK(second.error().code == ErrorCode::conflict);
  CHECK(contains(second.error().message, "pid " + std::to_string(getpid())));
  CHECK(contains(second.error().message, top.path()));

  StateDir moved = std::move(*first);
  CHECK(!StateDir::take(top.path()));
  { const StateDir gone = std::move(moved); }
  CHECK(StateDir::take(top.path()));
}

TEST_CASE("StateDir: one that cannot be made or written is refused, saying why") {
  testkit::TempFolder top;
  write(top.path() + "/file", "");
  const auto state = StateDir::take(top.path() + "/file/state");
  REQUIRE(!state);
  CHECK(contains(state.error().message, top.path() + "/file"));
  CHECK(contains(state.error().message, "Not a directory"));
  std::filesystem::create_directory(top.path() + "/odd");
  std::filesystem::create_directory(top.path() + "/odd/lock");
  CHECK(!StateDir::take(top.path() + "/odd"));
}

TEST_CASE("StateDir: a folder without the right to write is refused" *
          doctest::skip(geteuid() == 0)) {
  testkit::TempFolder top;
  REQUIRE(chmod(top.path().c_str(), 0500) == 0);
  CHECK(StateDir::take(top.path()).error().code == ErrorCode::permission);
  CHECK(StateDir::take(top.path() + "/below").error().code == ErrorCode::permission);
  chmod(top.path().c_str(), 0700);
}

TEST_CASE("StateDir: a newer version's folder is refused, one of an older build is taken") {
  testkit::TempFolder top;
  const std::string version = top.path() + "/version";
  write(version, "tailrace-state 2\nbuild 8.0.1\n");
  const auto newer = StateDir::take(top.path());
  REQUIRE(!newer);
  CHECK(newer.error().code == ErrorCode::unsupported);
  CHECK(contains(newer.error().message, "8.0.1"));
  CHECK(read(version) == "tailrace-state 2\nbuild 8.0.1\n");

  write(version, "tailrace-state 1\nbuild 0.0.1\n");
  REQUIRE(StateDir::take(top.path()));
  CHECK(!contains(read(version), "0.0.1"));

  for (const char* odd : {"", "tailrace-state", "tailrace-state 0\n", "tailrace-state x\n",
                          "tailrace-state 1", "something else\n"}) {
    CAPTURE(odd);
    write(version, odd);
    const auto state = StateDir::take(top.path());
    REQUIRE(!state);
    CHECK(state.error().code == ErrorCode::corrupt);
    CHECK(read(version) == odd);
  }
}
