#include "config/memory_limit.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "config/read_file.h"
#include "config/units.h"

namespace tailrace::config {
namespace {

constexpr uint64_t kMebi = 1 << 20;
constexpr uint64_t kWithoutCgroup = 256 * kMebi;
// v1 has no word for "no limit": it shows the largest multiple of a page, and v2 shows `max`.
constexpr uint64_t kNoLimit = uint64_t{1} << 60;

std::optional<uint64_t> limit_in(const std::string& file) {
  const auto text = read_file(file, 4096);
  if (!text) {
    return std::nullopt;
  }
  const std::string_view line = std::string_view(*text).substr(0, text->find('\n'));
  const auto bytes = parse_uint64(line);
  return bytes && *bytes > 0 && *bytes < kNoLimit ? bytes : std::nullopt;
}

/// The limits of the group and of all above it: each of them binds.
void take_least(std::optional<uint64_t>& least, const std::string& mount, std::string group,
                const std::string& file) {
  while (true) {
    const auto limit = limit_in(fmt::format("{}{}/{}", mount, group, file));
    if (limit) {
      least = std::min(least.value_or(*limit), *limit);
    }
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos) {
      break;
    }
    group.resize(slash);
  }
}

bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (list.substr(0, comma) == word) {
      return true;
    }
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

}  // namespace

std::optional<ByteSize> cgroup_memory_limit(const CgroupPaths& paths) {
  const auto membership = read_file(paths.membership, 64 << 10);
  if (!membership) {
    return std::nullopt;
  }
  std::optional<uint64_t> least;
  std::string_view rest = *membership;
  while (!rest.empty()) {  // lines of `hierarchy:controllers:/path`
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) {
      continue;
    }
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    std::string group(line.substr(second + 1));
    while (group.ends_with('/')) {
      group.pop_back();
    }
    // Within a container the group's path is often the host's, and only its own files are mounted,
    // at the root: going up to the root finds them.
    if (controllers.empty()) {
      take_least(least, paths.root, group, "memory.max");
    } else if (has_word(controllers, "memory")) {
      take_least(least, paths.root + "/memory", group, "memory.limit_in_bytes");
    }
  }
  return least ? std::optional(ByteSize{*least}) : std::nullopt;
}

DefaultMemoryLimit default_memory_limit(const CgroupPaths& paths) {
  const auto limit = cgroup_memory_limit(paths);
  if (!limit) {
    return {ByteSize{kWithoutCgroup}, "default"};
  }
  const uint64_t usable = limit->bytes / 10 * 9;
  return {ByteSize{usable > kMebi ? usable / kMebi * kMebi : usable}, "cgroup"};
}

}  // namespace tailrace::config
