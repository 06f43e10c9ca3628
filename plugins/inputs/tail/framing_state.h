#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "tailrace/batch.h"
#include "tailrace/receipt.h"

#include "plugins/inputs/tail/replay_point.h"

namespace tailrace::inputs::tail {

/// How the lines of a file are wrapped. The numbers are on disk (CHECKPOINT_FORMAT.md).
enum class Format : uint8_t { unknown = 0, cri = 1, docker = 2, raw = 3 };

/// Decided ends, bits: what is open at an offset ends there although its end was never written.
/// The numbers are on disk (CHECKPOINT_FORMAT.md).
enum Ending : uint8_t {
  kNoEnding = 0,
  kEndLine = 1,    ///< The line without a newline.
  kEndStdout = 2,  ///< The pending line of stdout.
  kEndStderr = 4,
  kEndAll = kEndLine | kEndStdout | kEndStderr,
};

/// A cut looks at the byte behind it, so a little more than the limit is kept.
inline constexpr size_t kCutSlack = 4;

/// A container's line of which the last piece has not come yet.
struct PendingLine {
  bool active = false;
  ReplayPoint begin;      // in this file
  int64_t timestamp = 0;  // of its first piece, as it will be sent
  std::string text;       // not more than max_line_size + kCutSlack
  uint64_t length = 0;    // as written
  Weight weight;
  int64_t touched_ns = 0;  // monotonic time of its last piece
  ReceiptRef origin;       // of its bytes in the predecessor of a rotation
};

/// A line of the file that is longer than a block: the part that was read.
struct LongLine {
  bool active = false;
  ReplayPoint begin;
  std::string text;
  uint64_t length = 0;
};

/// What a file keeps between units. Most files never have one.
struct Carry {
  std::array<PendingLine, kStreams> pending;
  LongLine line;

  bool active() const noexcept {
    return line.active || pending[kStdout].active || pending[kStderr].active;
  }
  size_t bytes() const noexcept {
    return line.text.size() + pending[kStdout].text.size() + pending[kStderr].text.size();
  }
};

/// Where the framing of a file stands at its read position.
struct FramingState {
  Format format = Format::unknown;
  bool one_stream = false;  // both streams have the same labels: one record order, one run of times
  std::array<StreamPoint, kStreams> streams;
  int64_t fallback_time = 0;  // of lines without a time when none came before
  std::unique_ptr<Carry> carry;

  /// From where a replay has to begin when everything that was emitted is settled; `offset` is the
  /// read position.
  ReplayPoint replay_point(uint64_t offset) const noexcept {
    ReplayPoint point{offset, streams};
    if (carry != nullptr) {
      for (const PendingLine& line : carry->pending) {
        if (line.active && line.begin.offset <= point.offset) {
          point = line.begin;
        }
      }
      if (carry->line.active && carry->line.begin.offset < point.offset) {
        point = carry->line.begin;
      }
    }
    return point;
  }
};

}  // namespace tailrace::inputs::tail
