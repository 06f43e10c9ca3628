#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tailrace/result.h"

namespace tailrace::outputs::file {

/// A regular file that is appended to, by its path. Blocking.
class LockedFile {
 public:
  LockedFile() = default;
  ~LockedFile() { close(); }
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;

  /// Opens what is at `path` now, makes it (and its folders, durably) if there is nothing, and
  /// holds its lock (flock) until unlock().
  Status lock(const std::string& path);
  void unlock() noexcept;
  /// Gives up the descriptor, and the lock with it.
  void close() noexcept;

  // While locked:
  uint64_t size() const noexcept { return size_; }
  /// Cuts off what follows the last newline. Returns how many bytes that were.
  Result<uint64_t> cut_torn_tail();
  /// Appends everything or, after an error, nothing.
  Status append(std::string_view text);
  Status sync();
  Status truncate(uint64_t size);

 private:
  Status open(const std::string& path);
  bool is_at(const std::string& path) const noexcept;
  tl::unexpected<Error> failure(const char* what, int error) const;

  std::string path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

/// Makes the folder and those above it that are missing, durably.
Status make_folders(const std::string& folder);
/// Makes what was created or renamed in a folder durable.
Status sync_folder(const std::string& folder);
/// The folder that a path lies in.
std::string folder_of(const std::string& path);
/// `doing path: reason`, by errno.
tl::unexpected<Error> file_failure(std::string_view doing, const std::string& path, int error);

}  // namespace tailrace::outputs::file
