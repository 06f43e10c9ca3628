#pragma once

#include <optional>
#include <string>

#include "tailrace/config_schema.h"

namespace tailrace::config {

/// Where the kernel shows the process's memory limits; tests point it elsewhere.
struct CgroupPaths {
  std::string membership = "/proc/self/cgroup";
  std::string root = "/sys/fs/cgroup";
};

/// The smallest memory limit that the process's cgroup or one above it sets (v2's memory.max, v1's
/// memory.limit_in_bytes). Null when there is none.
std::optional<ByteSize> cgroup_memory_limit(const CgroupPaths& paths = {});

/// What agent.memory_limit is when nobody says it: 90 % of the cgroup's limit, because the kernel
/// counts socket buffers and page tables too, else 256 MiB.
struct DefaultMemoryLimit {
  ByteSize size;
  const char* origin;  // "cgroup" or "default"
};
DefaultMemoryLimit default_memory_limit(const CgroupPaths& paths = {});

}  // namespace tailrace::config
