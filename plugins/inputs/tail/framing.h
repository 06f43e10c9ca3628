#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tailrace/arena.h"
#include "tailrace/block.h"

#include "codec/docker_line.h"
#include "codec/timestamp.h"
#include "plugins/inputs/tail/framing_state.h"
#include "plugins/inputs/tail/record_builder.h"

namespace tailrace::inputs::tail {

/// Bytes of one file, the next ones to be framed.
struct UnitBytes {
  std::string_view bytes;  ///< With kBlockPadding behind them.
  uint64_t offset = 0;     ///< In the file.
  bool full = false;       ///< As much as a unit takes: a line without its end here is a long line.
  uint8_t ending = kNoEnding;  ///< At the end of the bytes.
  int64_t read_ns = 0;         ///< Wall time, for formats without times of their own.
};

/// Cuts blocks into lines, lines into pieces, and has a RecordBuilder make records of them.
/// Source: CRI: kubelet pkg/kubelet/kuberuntime/logs; docker: moby jsonfilelog.
/// Lane:   one per lane.
class Framer {
 public:
  explicit Framer(size_t max_line_size);

  struct Result {
    size_t consumed = 0;    ///< Bytes that are done with: the next unit begins behind them.
    size_t unfinished = 0;  ///< Bytes behind those that wait for their newline.
  };
  /// Makes records of the bytes; they are in records() until the next call. `state` is not changed
  /// before commit(). Its format must be known.
  Result frame(const FramingState& state, const UnitBytes& unit, Arena& arena);
  RecordBuilder& records() noexcept { return records_; }
  /// Bytes that the file will carry after commit().
  size_t carry_bytes() const noexcept { return records_.pending_bytes() + long_.size(); }
  template <class TakeOrigin>
  Weight commit(FramingState& state, int64_t now_ns, TakeOrigin take_origin) {
    commit_long_line(state);
    return records_.commit(state, now_ns, take_origin);
  }

  /// The format of a file that begins with these bytes, or nothing when there are too few.
  /// `container`: the path says that it is a container's log, so it is not raw.
  static std::optional<Format> detect(const UnitBytes& start, bool container);

 private:
  void flush(uint8_t endings);
  void frame_lines(Format format, const UnitBytes& unit, size_t first, size_t count, size_t start);
  void frame_cri(const UnitBytes& unit, size_t first, size_t count, size_t start);
  void frame_raw(const UnitBytes& unit, size_t first, size_t count, size_t start);
  /// One line of any kind and length. `text` may be its beginning only; `length` is as written.
  void frame_line(Format format, std::string_view text, uint64_t length, RecordBuilder::Place place,
                  int64_t read_ns);
  void frame_cri_line(std::string_view text, uint64_t length, RecordBuilder::Place place);
  void frame_docker_line(std::string_view text, uint64_t length, RecordBuilder::Place place);
  void frame_raw_line(std::string_view text, uint64_t length, RecordBuilder::Place place,
                      int64_t read_ns);
  /// What the long line of the file and these bytes are together, in the arena.
  std::string_view join_long(std::string_view more);
  void keep_long(std::string_view more);
  void commit_long_line(FramingState& state);

  // The long line while a unit is in work.
  struct LongWork {
    enum class Fate : uint8_t { untouched, extended, ended };
    Fate fate = Fate::untouched;
    bool begins = false;
    ReplayPoint begin;
    std::string_view carried;
    std::string_view added;
    uint64_t length = 0;
    bool valid = true;  // UTF-8, when it ended
    size_t size() const noexcept { return fate == Fate::ended ? 0 : carried.size() + added.size(); }
  };

  size_t kept_of_long_line_;
  RecordBuilder records_;
  std::vector<uint32_t> newlines_;
  codec::TimestampReader times_;
  codec::DockerLineParser docker_;
  Arena* arena_ = nullptr;
  LongWork long_;
};

}  // namespace tailrace::inputs::tail
