#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <sys/types.h>

#include "tailrace/labels.h"

#include "plugins/inputs/tail/checkpoint_row.h"
#include "plugins/inputs/tail/descriptor.h"
#include "plugins/inputs/tail/fingerprint.h"
#include "plugins/inputs/tail/framing_state.h"
#include "plugins/inputs/tail/gzip_content.h"
#include "plugins/inputs/tail/receipts.h"

namespace tailrace::inputs::tail {

struct Source;

/// Which file it is, while it is open.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const FileId&, const FileId&) = default;
};

/// When the file (or directory) was last written.
inline int64_t mtime_ns(const struct stat& info) noexcept {
  return int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
}

/// A file that is being read, or waits for its turn behind the predecessors of a rotation. After a
/// truncation the same file on disk is a new File.
/// Lane: its source's.
struct File {
  Source* source = nullptr;
  std::shared_ptr<const Descriptor> descriptor;
  FileId id;
  std::string path;        // its name now
  std::string real_path;   // without the suffix of a rotation, when it was first read
  std::string label_path;  // that its labels are made from
  std::array<LabelsPtr, kStreams> labels;  // made when the format is known
  Fingerprint fingerprint;
  bool has_line = false;  // it held a whole line (or a whole fingerprint) when it was opened
  FramingState framing;
  bool gzip = false;
  std::unique_ptr<GzipContent> content;  // of a gzip file

  uint64_t position = 0;  // the next unit begins here
  uint64_t end = 0;       // as far as we have looked: the unfinished last line lies between
  uint64_t size = 0;      // as last seen
  int64_t mtime_ns = 0;   // as last seen
  std::vector<Decision> decisions;  // rising; those before `next_decision` are carried out
  size_t next_decision = 0;

  // Its place in life.
  bool begun = false;     // it has had its turn
  bool at_end = false;    // the last read met the end
  bool rotated = false;   // it no longer is what its source's path names
  bool unlinked = false;  // no name is left
  bool located = true;    // the last listing had it
  bool wanted = false;    // a pattern names it as it is called now, so it stays open though rotated
  bool gone = false;      // truncated: its bytes are no longer there
  bool polled = false;    // events fail to come for it
  bool watched_over = false;  // on the housekeeping list

  // What the reader does with it.
  bool queued = false;      // in the reader's queue
  bool waiting = false;     // for a worker thread
  bool frozen = false;      // a decision is on its way to the disk
  bool check_head = false;  // it may have been truncated since: compare its beginning first
  uint8_t cold_reads = 0;   // in a row at this position
  uint64_t short_at = 0;    // where the last read ended before the file did
  int64_t deficit = 0;
  std::string problem;  // why it cannot be read, or empty
  uint32_t failures = 0;

  // Monotonic times.
  int64_t rotated_ns = 0;
  int64_t data_ns = 0;   // last time there was something to read
  int64_t woken_ns = 0;  // left the end
  bool met_end_once = false;
  int64_t last_record_time = 0;  // of the newest record read, wall time
  uint64_t position_at_rescan = 0;

  // Checkpoint.
  ReceiptQueue receipts;
  std::string key;              // of its row; empty = none yet
  Fingerprint key_fingerprint;  // in the key
  bool dirty = false;
  /// A copy that a truncation has made has no row of its own while the file that was truncated has
  /// units under way: its row leads to the copy.
  std::weak_ptr<File> elder;

  /// From where a restart has to read: everything before is safe.
  ReplayPoint settled_point() const noexcept {
    return receipts.empty() ? framing.replay_point(position) : receipts.oldest();
  }
  uint64_t unfinished() const noexcept { return end > position ? end - position : 0; }
  bool has_open_line() const noexcept {
    return unfinished() != 0 || (framing.carry != nullptr && framing.carry->line.active);
  }
  bool has_pending() const noexcept {
    return framing.carry != nullptr &&
           (framing.carry->pending[kStdout].active || framing.carry->pending[kStderr].active);
  }
  bool decided() const noexcept { return next_decision < decisions.size(); }
  /// Nothing more comes from it for now, and the reader does nothing with it.
  bool drained() const noexcept {
    return begun && at_end && !queued && !waiting && !frozen && !decided();
  }
};

}  // namespace tailrace::inputs::tail
