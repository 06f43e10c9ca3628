#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/result.h"

#include "plugins/inputs/tail/fingerprint.h"
#include "plugins/inputs/tail/framing_state.h"
#include "plugins/inputs/tail/replay_point.h"

namespace tailrace::inputs::tail {

/// An end that we decided on (Ending bits), because the one who writes never wrote it. It is on
/// disk before anybody sees its effect, and a replay does the same at the same offset.
struct Decision {
  uint64_t offset = 0;
  uint8_t endings = 0;
  friend bool operator==(const Decision&, const Decision&) = default;
};

/// A file's row among the checkpoints. Format: CHECKPOINT_FORMAT.md.
struct CheckpointRow {
  Format format = Format::unknown;
  bool gzip = false;  // offsets are those of the content
  /// Read to its end, and closed. Such a row only tells what else has been read: what is older.
  bool finished = false;
  uint64_t inode = 0;
  Fingerprint fingerprint;
  ReplayPoint point;
  uint64_t size = 0;                // as last seen
  int64_t mtime_ns = 0;             // as last seen; never later than the truth
  int64_t fallback_time = 0;        // of lines without a time
  std::vector<Decision> decisions;  // those at or behind the point, rising
  std::string real_path;            // where it was, without the suffix of a rotation
  std::string label_path;           // that its labels are made from, for good

  friend bool operator==(const CheckpointRow&, const CheckpointRow&) = default;
};

/// Key of a row: the file's identity, without its path (files are renamed) and without the device
/// (its number changes at a reboot). `twin` tells apart two files whose identities are the same:
/// equal beginnings and one inode number on two filesystems.
std::string checkpoint_key(uint64_t inode, const Fingerprint& fingerprint, uint32_t twin);
/// The row that is no file's: it says that this input has run before, with which patterns (Since).
inline constexpr std::string_view kStartedKey = "started";

std::string encode_row(const CheckpointRow& row);
/// Errors: unsupported for a newer version, corrupt for anything else that does not fit.
Result<CheckpointRow> decode_row(std::string_view bytes);

}  // namespace tailrace::inputs::tail
