#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "tailrace/arena.h"
#include "tailrace/log_batch.h"

#include "plugins/inputs/tail/framing_state.h"

namespace tailrace::inputs::tail {

/// A line that goes on for longer than this without an end is emitted (cut, as any line over the
/// limit) and the rest of it passed over: else a program that prints without ever ending a line
/// would hold its checkpoint back for ever.
inline constexpr uint64_t kLongestJoinedLine = 64 * 1024 * 1024;

/// Structured metadata of a line that was cut: its length in bytes before the cut.
inline constexpr std::string_view kTruncatedName = "tailrace_truncated";

/// Records of one stream, in arrays that are used again for every unit of the lane.
class Column {
 public:
  Column();
  /// The views of a LogBatch. Call RecordBuilder::finish() before.
  void describe(LogBatch& batch);
  uint32_t size() const noexcept { return size_; }

 private:
  friend class RecordBuilder;
  struct Free {
    void operator()(void* memory) const noexcept { std::free(memory); }
  };
  template <class T>
  using Array = std::unique_ptr<T[], Free>;

  void clear() noexcept;
  // Rare ones: filled up to a record that needs them, with what the others have.
  void set_source_records(uint32_t index, uint32_t records);
  void set_metadata(uint32_t index, MetaSpan span);
  bool has_metadata(uint32_t index) const noexcept {
    return index < metadata_.size() && metadata_[index].count != 0;
  }
  void complete_rare();

  uint32_t size_ = 0;
  Weight from_carry_;
  Array<int64_t> timestamps_;
  Array<std::string_view> bodies_;
  Array<uint32_t> source_bytes_;
  std::vector<uint32_t> source_records_;
  std::vector<MetaSpan> metadata_;
};

/// What happened in a unit, for the counters.
struct UnitCounts {
  uint64_t lines = 0;  // of the file
  uint64_t malformed = 0;
  uint64_t truncated = 0;
  uint64_t utf8_replaced = 0;
};

/// Turns the pieces that framing finds into records: joins, cuts, stamps, repairs UTF-8.
///
/// Works on copies: until commit() the file's state is as before, so that a unit can be given up
/// (no memory to carry what it leaves unfinished).
/// Lane: one per lane, used for one unit at a time.
class RecordBuilder {
 public:
  explicit RecordBuilder(size_t max_line_size) : max_line_size_(max_line_size) {}

  /// `state` outlives the unit.
  void begin(const FramingState& state, Arena& arena) noexcept;

  /// True when the next whole line of the stream is a record as it is.
  bool plain(Stream stream) const noexcept { return !special_[stream]; }
  /// A whole line that needs nothing: plain(stream), and not longer than max_line_size().
  void add_plain(Stream stream, int64_t written, std::string_view text,
                 uint32_t line_bytes) noexcept {
    Column& column = columns_[column_of_[stream]];
    const uint32_t i = column.size_++;
    column.timestamps_[i] = streams_[column_of_[stream]].stamp(written);
    column.bodies_[i] = text;
    column.source_bytes_[i] = line_bytes;
  }

  /// Where a physical line lies in the file.
  struct Place {
    uint64_t offset = 0;
    uint64_t bytes = 0;  // with its newline
  };
  /// A piece of a line, or a whole one (`last`). `length` is as written; `text` may hold less of
  /// it, but then at least max_line_size() + kCutSlack.
  void add_piece(Stream stream, int64_t written, std::string_view text, uint64_t length, bool last,
                 Place place);
  /// A line that is not of the file's format: a record with the time of the line before it.
  void add_malformed(std::string_view text, uint64_t length, Place place);
  /// Ends what the stream has pending, as if its last piece had come.
  void flush(Stream stream);

  /// After the last piece. `valid`: every byte of the block was valid UTF-8.
  void finish(bool valid);
  /// The point at `offset`, for a line that begins there.
  ReplayPoint point_at(uint64_t offset) const noexcept;

  // Results, after finish().
  Column& column(size_t i) noexcept { return columns_[i]; }
  const UnitCounts& counts() const noexcept { return counts_; }
  /// Pieces that were passed over.
  Weight filtered() const noexcept { return filtered_; }
  /// Bytes of pending lines that commit() will keep.
  size_t pending_bytes() const noexcept;
  /// Gives `state` what came out: pending lines are copied into it. Calls `take_origin` with the
  /// predecessor's receipt of every carried line that was completed. Returns the weight that is
  /// carried in addition.
  template <class TakeOrigin>
  Weight commit(FramingState& state, int64_t now_ns, TakeOrigin take_origin);

  size_t max_line_size() const noexcept { return max_line_size_; }
  void count_lines(uint64_t lines) noexcept { counts_.lines += lines; }

 private:
  /// A pending line while the unit is in work: what the file carries, and the unit's pieces.
  struct Work {
    bool active = false;
    bool carried = false;  // its start is in state_->carry
    bool ended = false;    // the carried one was completed in this unit
    ReplayPoint begin;
    int64_t timestamp = 0;
    uint64_t length = 0;
    size_t kept = 0;  // bytes of it in the carry and in pieces
    Weight carried_weight;
    Weight added;
    std::vector<std::string_view> pieces;
  };

  void add_record(Stream stream, int64_t timestamp, std::string_view text, uint64_t length,
                  Weight weight);
  void complete(Stream stream);
  void repair(Column& column, uint32_t index);
  void mark_truncated(Column& column, uint32_t index, uint64_t length);
  std::string_view carried_text(Stream stream) const noexcept;
  void update_special(Stream stream) noexcept {
    special_[stream] = work_[stream].active || streams_[stream].line != LineState::clean;
  }
  Weight store(FramingState& state, Stream stream, int64_t now_ns);

  size_t max_line_size_;
  const FramingState* state_ = nullptr;
  Arena* arena_ = nullptr;
  std::array<Column, kStreams> columns_;
  std::array<uint8_t, kStreams> column_of_{};
  std::array<StreamPoint, kStreams> streams_;
  std::array<bool, kStreams> special_{};
  std::array<Work, kStreams> work_;
  UnitCounts counts_;
  Weight filtered_;
};

template <class TakeOrigin>
Weight RecordBuilder::commit(FramingState& state, int64_t now_ns, TakeOrigin take_origin) {
  state.streams = streams_;
  Weight carried;
  for (const Stream stream : {kStdout, kStderr}) {
    if (work_[stream].ended) {
      PendingLine& old = state.carry->pending[stream];
      if (old.origin) {
        take_origin(std::move(old.origin));
      }
      old = PendingLine();
    }
    if (work_[stream].active) {
      carried += store(state, stream, now_ns);
    }
  }
  return carried;
}

}  // namespace tailrace::inputs::tail
