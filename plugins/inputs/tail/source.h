#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugins/inputs/tail/checkpoint_row.h"
#include "plugins/inputs/tail/file.h"

namespace tailrace::inputs::tail {

/// How often a rotated file may fail to be opened or read before its successor is begun.
inline constexpr uint32_t kMostFailures = 5;

/// A path that lines are written to, with all files that rotations have made of it: one row of
/// files, read one after the other. Lane: the one that owns its order hash.
struct Source {
  std::string real_path;                     // without links and the suffix of a rotation
  std::string label_path;                    // as found by the pattern
  bool container = false;                    // the path is that of a container's log
  std::vector<std::shared_ptr<File>> files;  // oldest first

  int64_t known_mtime_ns = 0;  // when files that are gone by now were last written

  // Rows of files that are closed, kept until a newer file has a row.
  std::vector<std::string> finished_keys;
  size_t listed = 0;  // files in the last listing

  uint32_t outdated = 0;  // listings in a row that did not hold any more when their files were open
  bool found = true;      // a pattern leads there
  bool opening = false;   // a worker thread opens files of it
  bool relist = false;    // it has to be listed again after that
  // After a truncation: what was being read when it happened. A copy that has the rest is looked
  // for before the new content is begun.
  std::shared_ptr<File> truncated;

  std::string problem;  // why it cannot be read, or empty
  uint32_t failures = 0;
  int64_t retry_ns = 0;

  /// With its slash.
  std::string directory() const { return real_path.substr(0, real_path.rfind('/') + 1); }
  /// The file that the path names now, or null.
  File* current() const noexcept {
    return files.empty() || files.back()->rotated ? nullptr : files.back().get();
  }
};

}  // namespace tailrace::inputs::tail
