#pragma once

#include <string>

#include "tailrace/result.h"

namespace tailrace::pipeline {

/// The folder with everything that outlives the process. One running agent holds it at a time, and
/// no older one than the one that wrote it last.
///
///   lock          whose flock is held; holds the process id
///   version       "tailrace-state 1", then the build that wrote it
///   checkpoints   see CHECKPOINT_FORMAT.md
///   spool/        one folder per output; see delivery/SPOOL_FORMAT.md
class StateDir {
 public:
  /// Makes the folder if need be and takes it. Errors, each with what to do: permission, no_space,
  /// io (it cannot be made or written), conflict (another agent holds it), unsupported (from a
  /// newer version), corrupt (`version` does not read as ours).
  static Result<StateDir> take(const std::string& path);

  StateDir(StateDir&& other) noexcept;
  StateDir& operator=(StateDir&& other) noexcept;
  ~StateDir();  ///< Lets go of it.

  const std::string& path() const noexcept { return path_; }

 private:
  StateDir(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}
  std::string path_;
  int lock_fd_;
};

}  // namespace tailrace::pipeline
