#include "plugins/inputs/tail/discovery.h"

#include <atomic>
#include <cstdio>
#include <fstream>
#include <map>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "testkit/temp_folder.h"

using namespace tailrace;
using namespace tailrace::inputs::tail;

namespace {

constexpr int kRotations = 300;

/// Rotates a file as the kubelet does, once in each listing. Returns which file was which, by
/// inode.
std::map<ino_t, int> rotate(const std::string& path, const std::atomic<int>& listings) {
  std::map<ino_t, int> numbers;
  for (int i = 0; i < kRotations; ++i) {
    const int seen = listings;
    std::ofstream(path).put('\n');
    struct stat info = {};
    ::stat(path.c_str(), &info);
    numbers[info.st_ino] = i;
    const std::string name = fmt::format("{}.20260102-03{:02}{:02}", path, i / 60, i % 60);
    ::rename(path.c_str(), name.c_str());
    listings.wait(seen);
  }
  return numbers;
}

}  // namespace

TEST_CASE("Discovery: a rotation in the middle of a listing hides no file") {
  const testkit::TempFolder folder;
  const std::string path = folder.path("0.log");
  const Discovery discovery({path}, {}, nullptr);
  ScanRequest request;
  request.sources[path] = path;
  std::map<ino_t, int> numbers;
  std::atomic<int> listings{0};
  std::atomic<bool> over{false};
  std::thread rotating([&] {
    numbers = rotate(path, listings);
    over = true;
  });
  std::vector<std::vector<ListedFile>> listed;
  while (!over) {
    for (ListedSource& source : discovery.scan(request).sources) {
      listed.push_back(std::move(source.files));
    }
    ++listings;
    listings.notify_one();
  }
  rotating.join();
  int gaps = 0;
  for (const auto& files : listed) {
    for (size_t i = 0; i < files.size(); ++i) {
      gaps += numbers.at(files[i].id.inode) != static_cast<int>(i);
    }
  }
  CHECK(listed.size() >= kRotations);
  CHECK(gaps == 0);
}
