#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "plugins/inputs/tail/checkpoint_row.h"

namespace tailrace::inputs::tail {

/// A file of a source in the plan's eyes. Files are given oldest first.
struct PlanFile {
  ino_t inode = 0;
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  bool gzip = false;
  bool rotated = false;     // not the file itself
  bool wanted = false;      // a pattern names it
  bool open = false;        // is being read already
  bool usable = true;       // could be opened
  bool unreadable = false;  // could be opened, but for an error
  std::string_view head;
};

struct PlanPolicy {
  bool read_rotated = true;
  bool start_at_end = false;  // the very first start, and start_at: end
  /// When what we have read of this source before was last written (0: nothing was). Counts when
  /// none of it is left: what was not written since is older.
  int64_t known_mtime_ns = 0;
  /// Since when the source is ours. Counts when we have begun nothing of it: what rotations have
  /// put aside and was last written before that was never ours.
  int64_t since_ns = 0;
};

/// What is to be done with a file.
struct PlanStep {
  enum class Kind : uint8_t {
    skip,    ///< It was read before we lost sight of it, or is not asked for.
    keep,    ///< Goes on as it is (PlanFile::open).
    resume,  ///< From a checkpoint.
    begin,   ///< From its first byte.
    end,     ///< From its last line on.
    owed,    ///< To be read, but it cannot be (PlanFile::unreadable).
  };
  Kind kind = Kind::skip;
  size_t row = 0;  // with resume
};

/// Decides which files of a source are read, and from where.
///
/// Rests on one rule: a predecessor is finished before its successor is begun. So what is older
/// than a file that was begun is done with, and what is newer was never seen. Where nothing was
/// begun, times tell: a file without a row that was written since we read here is a predecessor
/// that we owe.
///
/// `rows` are checkpoints that no open file has. They are matched by inode and content first, then
/// by content alone (a gzipped or copied file), one file each.
std::vector<PlanStep> plan_chain(const std::vector<PlanFile>& files,
                                 const std::vector<const CheckpointRow*>& rows,
                                 const PlanPolicy& policy);

}  // namespace tailrace::inputs::tail
