#include "plugins/outputs/file/rotating_file.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace tailrace;
using namespace tailrace::outputs::file;
namespace fs = std::filesystem;

namespace {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (fs::temp_directory_path() / "tailrace-file-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempFolder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void put(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

void write_ok(RotatingFile& file, const std::string& text) {
  const auto written = file.write(text, 0);
  REQUIRE_MESSAGE(written, written.error().message);
  CHECK(*written == text.size());
}

/// No file may grow beyond `bytes` meanwhile: writes are cut short, then fail.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

std::string lines(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) {
    text += "line " + std::to_string(1000 + i) + "\n";  // ten bytes each
  }
  return text;
}

}  // namespace

TEST_CASE("file: makes the file and its folders, and appends") {
  TempFolder folder;
  const std::string path = folder / "a/b/out.log";
  RotatingFile file({.path = path});
  write_ok(file, "one\n");
  write_ok(file, "two\n");
  CHECK(content(path) == "one\ntwo\n");
  struct stat info {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07) == 0);
  RotatingFile later({.path = path, .sync = false});
  write_ok(later, "three\n");
  CHECK(content(path) == "one\ntwo\nthree\n");
}

TEST_CASE("file: rotates before it would outgrow its limit, at line borders") {
  TempFolder folder;
  const std::string path = folder / "out.log";
  RotatingFile file({.path = path, .max_size = 100, .max_files = 3});
  write_ok(file, lines(0, 9));
  write_ok(file, lines(9, 11));  // one more fits
  CHECK(content(path + ".1") == lines(0, 10));
  CHECK(content(path) == lines(10, 11));
  write_ok(file, lines(11, 35));  // larger than a file
  CHECK(content(path + ".3") == lines(0, 10));
  CHECK(content(path + ".2") == lines(10, 20));
  CHECK(content(path + ".1") == lines(20, 30));
  CHECK(content(path) == lines(30, 35));
  write_ok(file, lines(35, 45));
  CHECK(content(path + ".3") == lines(10, 20));
  CHECK_FALSE(fs::exists(path + ".4"));
  CHECK(file.rotations() == 4);
}

TEST_CASE("file: a line that is larger than a file gets one of its own") {
  TempFolder folder;
  const std::string path = folder / "out.log";
  RotatingFile file({.path = path, .max_size = 100});
  const std::string large = std::string(300, 'x') + "\n";
  write_ok(file, "small\n" + large + "small\n");
  CHECK(content(path + ".2") == "small\n");
  CHECK(content(path + ".1") == large);
  CHECK(content(path) == "small\n");
}

TEST_CASE("file: a gap that a crash left in the rotated files is filled, nothing is thrown out") {
  TempFolder folder;
  const std::string path = folder / "out.log";
  put(path + ".2", "second\n");
  put(path + ".3", "third\n");
  RotatingFile file({.path = path, .max_size = 10, .max_files = 3});
  write_ok(file, "12345678\n");
  write_ok(file, "abcdefgh\n");
  CHECK(content(path + ".1") == "12345678\n");
  CHECK(content(path + ".2") == "second\n");
  CHECK(content(path + ".3") == "third\n");
}

TEST_CASE("file: half a line of an interrupted write is cut off") {
  TempFolder folder;
  const std::string path = folder / "out.log";
  RotatingFile file({.path = path});
  put(path, "whole\nhalf a li");
  write_ok(file, "next\n");
  CHECK(content(path) == "whole\nnext\n");
  CHECK(file.torn_tails() == 1);

  put(path, std::string(200000, 'x'));
  write_ok(file, "a\n");
  CHECK(content(path) == "a\n");
  put(path, "first\n" + std::string(200000, 'x'));
  write_ok(file, "b\n");
  CHECK(content(path) == "first\nb\n");
  write_ok(file, "c\n");
  CHECK(file.torn_tails() == 3);
}

TEST_CASE("file: a write that fails half-way leaves nothing behind, and succeeds later") {
  TempFolder folder;
  const std::string path = folder / "out.log";
  RotatingFile file({.path = path});
  write_ok(file, lines(0, 5));
  {
    FileSizeLimit limit(75);
    const auto written = file.write(lines(5, 10), 0);
    REQUIRE_FALSE(written);
    CHECK(written.error().message.find(path) != std::string::npos);
    CHECK(content(path) == lines(0, 5));
  }
  write_ok(file, lines(5, 10));
  CHECK(content(path) == lines(0, 10));
  CHECK(file.torn_tails() == 0);
}

TEST_CASE("file: what was written before a rotation is not written again by the next try") {
  TempFolder folder;
  const std::string path = folder / "out.log";
  RotatingFile file({.path = path, .max_size = 100, .max_files = 1});
  write_ok(file, lines(0, 8));
  fs::create_directories(path + ".1/in the way");  // the rotation will fail
  const std::string payload = lines(8, 15);
  const auto failed = file.write(payload, 0);
  REQUIRE_FALSE(failed);
  CHECK(content(path) == lines(0, 10));
  SUBCASE("the same payload again") {
    fs::remove_all(path + ".1");
    write_ok(file, payload);
    CHECK(content(path + ".1") == lines(0, 10));
    CHECK(content(path) == lines(10, 15));
    // Once it is through, the same text is a new request.
    write_ok(file, payload.substr(0, 20));
    CHECK(content(path) == lines(10, 15) + lines(8, 10));
  }
  SUBCASE("another payload is written whole") {
    fs::remove_all(path + ".1");
    write_ok(file, lines(20, 23));
    CHECK(content(path) == lines(20, 23));
  }
}

TEST_CASE("file: an external rotation or removal is noticed") {
  TempFolder folder;
  const std::string path = folder / "out.log";
  RotatingFile file({.path = path});
  write_ok(file, "one\n");
  fs::rename(path, folder / "moved");
  write_ok(file, "two\n");
  CHECK(content(folder / "moved") == "one\n");
  CHECK(content(path) == "two\n");
  fs::remove(path);
  write_ok(file, "three\n");
  CHECK(content(path) == "three\n");
  fs::resize_file(path, 0);  // as copytruncate does
  write_ok(file, "four\n");
  CHECK(content(path) == "four\n");
}

TEST_CASE("file: several writers share a file, their requests stay whole") {
  TempFolder folder;
  const std::string path = folder / "out.log";
  constexpr int kWriters = 3;
  constexpr int kRequests = 40;
  std::vector<std::thread> writers;
  std::vector<int> failures(kWriters);
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      RotatingFile file({.path = path, .max_size = 4096, .max_files = 1000, .sync = false});
      for (int r = 0; r < kRequests; ++r) {
        std::string payload;
        for (int i = 0; i < 20; ++i) {
          payload += std::to_string(w) + " " + std::to_string(r * 20 + i) + "\n";
        }
        failures[static_cast<size_t>(w)] += file.write(payload, 0) ? 0 : 1;
      }
    });
  }
  for (auto& writer : writers) {
    writer.join();
  }
  CHECK(failures == std::vector<int>(kWriters));
  int rotated = 0;
  while (fs::exists(path + "." + std::to_string(rotated + 1))) {
    ++rotated;
  }
  CHECK(rotated >= 2);
  std::string all;
  for (int i = rotated; i > 0; --i) {
    all += content(path + "." + std::to_string(i));
  }
  all += content(path);
  std::vector<int> next(kWriters);
  std::istringstream rows(all);
  int writer = 0;
  int number = 0;
  while (rows >> writer >> number) {
    CHECK(number == next[static_cast<size_t>(writer)]++);
  }
  CHECK(next == std::vector<int>(kWriters, kRequests * 20));
}

TEST_CASE("file: what cannot be a file is refused with a reason") {
  TempFolder folder;
  put(folder / "file", "x\n");
  RotatingFile below({.path = folder / "file/out.log"});
  auto written = below.write("x\n", 0);
  REQUIRE_FALSE(written);
  CHECK(written.error().code == ErrorCode::not_found);
  CHECK(written.error().message.find("file/out.log") != std::string::npos);

  REQUIRE(mkfifo((folder / "fifo").c_str(), 0600) == 0);
  RotatingFile fifo({.path = folder / "fifo"});
  written = fifo.write("x\n", 0);
  REQUIRE_FALSE(written);
  CHECK(written.error().message.find("not a regular file") != std::string::npos);

  RotatingFile directory({.path = folder / "."});
  CHECK_FALSE(directory.write("x\n", 0));
}
