#include <filesystem>
#include <string>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "loop/file_layer.h"
#include "testkit/temp_folder.h"

using namespace tailrace;
using Open = loop::FileLayer::Open;

namespace {

unsigned mode_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777u : 0u;
}

}  // namespace

TEST_CASE("PosixFileLayer: writes, reads, truncates and syncs a file") {
  testkit::TempFolder folder;
  auto files = loop::make_posix_file_layer();
  auto file = files->open(folder.path("a"), Open::create_new);
  REQUIRE(file);
  REQUIRE((*file)->write_at(0, "hello world"));
  REQUIRE((*file)->write_at(6, "there"));
  CHECK((*file)->read_at(0, 100).value() == "hello there");
  CHECK((*file)->read_at(4, 3).value() == "o t");
  CHECK((*file)->read_at(50, 3).value().empty());
  REQUIRE((*file)->truncate(5));
  CHECK((*file)->size().value() == 5);
  CHECK((*file)->sync());
  CHECK(files->sync_directory(folder.path()));
  CHECK(mode_of(folder.path("a")) == 0600);

  auto again = files->open(folder.path("a"), Open::read);
  REQUIRE(again);
  CHECK((*again)->read_at(0, 100).value() == "hello");
  CHECK(!(*again)->write_at(0, "x"));
}

TEST_CASE("PosixFileLayer: errors carry the code, the path and the reason") {
  testkit::TempFolder folder;
  auto files = loop::make_posix_file_layer();
  const auto missing = files->open(folder.path("none"), Open::read_write);
  REQUIRE(!missing);
  CHECK(missing.error().code == ErrorCode::not_found);
  CHECK(missing.error().message.find(folder.path("none")) != std::string::npos);
  CHECK(missing.error().message.find("No such file") != std::string::npos);

  REQUIRE(files->open(folder.path("a"), Open::create_new));
  CHECK(files->open(folder.path("a"), Open::create_new).error().code == ErrorCode::conflict);
  CHECK(files->remove(folder.path("none")).error().code == ErrorCode::not_found);
  CHECK(files->rename(folder.path("none"), folder.path("b")).error().code == ErrorCode::not_found);
  CHECK(files->list(folder.path("none")).error().code == ErrorCode::not_found);
  CHECK(files->sync_directory(folder.path("none")).error().code == ErrorCode::not_found);
  CHECK(!files->make_directories(folder.path("a/b")));
}

TEST_CASE("PosixFileLayer: ENOSPC is no_space" *
          doctest::skip(!std::filesystem::exists("/dev/full"))) {
  auto files = loop::make_posix_file_layer();
  auto full = files->open("/dev/full", Open::read_write);
  REQUIRE(full);
  CHECK((*full)->write_at(0, "x").error().code == ErrorCode::no_space);
}

TEST_CASE("PosixFileLayer: makes folders, lists names sorted, renames over, removes") {
  testkit::TempFolder folder;
  auto files = loop::make_posix_file_layer();
  REQUIRE(files->make_directories(folder.path("x/y/z")));
  REQUIRE(files->make_directories(folder.path("x/y/z/")));
  CHECK(mode_of(folder.path("x/y/z")) == 0700);
  for (const char* name : {"c", "a", "b"}) {
    auto file = files->open(folder.path("x/" + std::string(name)), Open::create_new);
    REQUIRE(file);
    REQUIRE((*file)->write_at(0, name));
  }
  REQUIRE(files->rename(folder.path("x/c"), folder.path("x/a")));
  REQUIRE(files->remove(folder.path("x/b")));
  CHECK(files->list(folder.path("x")).value() == std::vector<std::string>{"a", "y"});
  CHECK((*files->open(folder.path("x/a"), Open::read))->read_at(0, 9).value() == "c");
  CHECK(files->free_bytes(folder.path()).value() > 0);
}
