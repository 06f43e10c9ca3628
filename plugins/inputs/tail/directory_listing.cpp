#include "plugins/inputs/tail/directory_listing.h"

#include <cerrno>
#include <cstdlib>
#include <memory>

#include <sys/stat.h>

#include "codec/hash.h"
#include "plugins/inputs/tail/file.h"
#include "plugins/inputs/tail/rotation_name.h"

namespace tailrace::inputs::tail {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

}  // namespace

bool list(const std::string& path, std::vector<Entry>& entries) {
  std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
  if (directory == nullptr) {
    return false;
  }
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) {
      return errno == 0;
    }
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      entries.push_back({std::string(name), entry->d_type, entry->d_ino});
    }
  }
}

std::string join(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (path.empty() || path.back() != '/') {
    path += '/';
  }
  path += name;
  return path;
}

SplitPath split(std::string_view path) {
  const size_t slash = path.rfind('/');
  return {slash == 0 ? "/" : std::string(path.substr(0, slash)),
          std::string(path.substr(slash + 1))};
}

std::optional<std::string> resolve(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  if (real == nullptr) {
    return std::nullopt;
  }
  return std::string(real.get());
}

int64_t changed_ns(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 ? mtime_ns(info) : 0;
}

uint64_t hash_of_names(const std::vector<Entry>& entries, std::string_view name) {
  uint64_t sum = 0;  // their order does not matter
  for (const Entry& entry : entries) {
    const auto rotated = parse_rotated(entry.name);
    if (entry.name == name || (rotated && rotated->base == name)) {
      sum += codec::stable_hash(entry.name, entry.inode);
    }
  }
  return sum;
}

bool is_outdated(const std::string& real_path, const SeenNames& seen) {
  const SplitPath path = split(real_path);
  if (seen.directory_ns != 0 && changed_ns(path.directory) == seen.directory_ns) {
    return false;
  }
  std::vector<Entry> entries;
  return !list(path.directory, entries) || hash_of_names(entries, path.name) != seen.hash;
}

}  // namespace tailrace::inputs::tail
