#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/result.h"

namespace tailrace::loop {

/// An open file of our own state (spool segments, checkpoints). Blocking; never used on a lane
/// after start-up.
class StateFile {
 public:
  virtual ~StateFile() = default;  ///< Closes it.
  virtual Status write_at(uint64_t offset, std::string_view bytes) = 0;
  /// Reads exactly `size` bytes; fewer only at the end of the file.
  virtual Result<std::string> read_at(uint64_t offset, size_t size) = 0;
  virtual Result<uint64_t> size() = 0;
  virtual Status truncate(uint64_t size) = 0;
  /// After a failure the pages may be marked clean without being on disk: never retry on the same
  /// file, write its content anew elsewhere.
  virtual Status sync() = 0;
};

/// The file system under state_dir, with exactly the operations whose durability matters. The
/// tests' twin forgets what was not synced. Errors: no_space for ENOSPC and EDQUOT, not_found,
/// permission, conflict (lock held, file exists), else io.
class FileLayer {
 public:
  enum class Open { read, read_write, create_new };
  virtual ~FileLayer() = default;
  virtual Result<std::unique_ptr<StateFile>> open(const std::string& path, Open how) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;
  /// Makes the folder and those above it where missing, durably: a new one's parent is synced.
  virtual Status make_directories(const std::string& path) = 0;
  /// Makes creations, renames and removals within the folder durable.
  virtual Status sync_directory(const std::string& path) = 0;
  /// Names (not paths) in a folder, sorted.
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  /// Bytes free for us on the file system of `path`.
  virtual Result<uint64_t> free_bytes(const std::string& path) = 0;
};

/// The real one.
std::unique_ptr<FileLayer> make_posix_file_layer();

}  // namespace tailrace::loop
