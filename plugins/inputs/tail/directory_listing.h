#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <sys/types.h>

/// What a directory says of the files in it, and whether that still holds. All of it blocks.
namespace tailrace::inputs::tail {

struct Entry {
  std::string name;
  uint8_t type = DT_UNKNOWN;
  ino_t inode = 0;
};

/// False: errno says why not.
bool list(const std::string& path, std::vector<Entry>& entries);

std::string join(std::string_view directory, std::string_view name);
struct SplitPath {
  std::string directory;
  std::string name;
};
SplitPath split(std::string_view path);
/// Where a path leads, without any links; nothing when it leads nowhere.
std::optional<std::string> resolve(const std::string& path);

/// When the directory was last changed, or 0.
int64_t changed_ns(const std::string& path);
/// Of the names and inodes of the file `name` and of what rotations have made of it.
uint64_t hash_of_names(const std::vector<Entry>& entries, std::string_view name);

/// The names of a source as a listing saw them.
struct SeenNames {
  uint64_t hash = 0;
  int64_t directory_ns =
      0;  // when the directory was last changed; 0: a change might not show in it
};
/// True when the source's files have other names by now, or other files have theirs. Inodes of the
/// files alone do not tell: the filesystem gives one to the next file as soon as a rotated one was
/// compressed.
bool is_outdated(const std::string& real_path, const SeenNames& seen);

}  // namespace tailrace::inputs::tail
