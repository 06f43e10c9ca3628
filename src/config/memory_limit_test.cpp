#include "config/memory_limit.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

namespace tailrace::config {
namespace {

/// A folder that looks like /proc/self/cgroup and /sys/fs/cgroup.
class FakeCgroups {
 public:
  explicit FakeCgroups(const std::string& membership) {
    char name[] = "/tmp/tailrace_test_XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    root_ = name;
    std::ofstream(root_ / "membership") << membership;
  }
  ~FakeCgroups() { std::filesystem::remove_all(root_); }
  FakeCgroups(const FakeCgroups&) = delete;
  FakeCgroups& operator=(const FakeCgroups&) = delete;

  FakeCgroups& limit(const std::string& file, const std::string& text) {
    const auto path = root_ / "sys" / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
    return *this;
  }
  CgroupPaths paths() const { return {(root_ / "membership").string(), (root_ / "sys").string()}; }

 private:
  std::filesystem::path root_;
};

constexpr uint64_t kMebi = 1 << 20;

}  // namespace

TEST_CASE("Memory limit: the smallest of the groups that hold us (v2)") {
  FakeCgroups groups("0::/kube/pod1/agent\n");
  CHECK_FALSE(cgroup_memory_limit(groups.paths()));
  groups.limit("kube/pod1/agent/memory.max", "max");
  CHECK_FALSE(cgroup_memory_limit(groups.paths()));
  groups.limit("kube/pod1/memory.max", "67108864");
  groups.limit("kube/memory.max", "1073741824");
  CHECK(cgroup_memory_limit(groups.paths())->bytes == 64 * kMebi);
  const auto chosen = default_memory_limit(groups.paths());
  CHECK(chosen.size.bytes == 57 * kMebi);
  CHECK(std::string(chosen.origin) == "cgroup");
}

TEST_CASE("Memory limit: within a container only the root of the mount is there") {
  FakeCgroups groups("0::/../../somewhere/else\n");
  groups.limit("memory.max", "33554432");
  CHECK(cgroup_memory_limit(groups.paths())->bytes == 32 * kMebi);
}

TEST_CASE("Memory limit: the memory controller of v1") {
  FakeCgroups groups("5:cpu,cpuacct:/a\n4:hugetlb,memory:/docker/x\n0::/\n");
  groups.limit("memory/docker/x/memory.limit_in_bytes", "9223372036854771712");  // none
  CHECK_FALSE(cgroup_memory_limit(groups.paths()));
  groups.limit("memory/docker/x/memory.limit_in_bytes", "134217728");
  CHECK(cgroup_memory_limit(groups.paths())->bytes == 128 * kMebi);
}

TEST_CASE("Memory limit: without any limit, or without cgroups") {
  const FakeCgroups groups("0::/\nnonsense\n");
  const auto chosen = default_memory_limit(groups.paths());
  CHECK(chosen.size.bytes == 256 * kMebi);
  CHECK(std::string(chosen.origin) == "default");
  CHECK(default_memory_limit({"/no/such/file", "/no/such/folder"}).size.bytes == 256 * kMebi);
}

}  // namespace tailrace::config
