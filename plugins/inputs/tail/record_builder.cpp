#include "plugins/inputs/tail/record_builder.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <type_traits>

#include "tailrace/block.h"
#include "tailrace/check.h"

#include "codec/utf8.h"

namespace tailrace::inputs::tail {
namespace {

/// Where to cut a text that is longer than `limit`, so that no character is split. Text that is not
/// UTF-8 is cut at the limit.
size_t cut_length(std::string_view text, size_t limit) noexcept {
  if (text.size() <= limit) {
    return text.size();
  }
  const auto continues = [&](size_t at) { return (static_cast<uint8_t>(text[at]) & 0xc0) == 0x80; };
  size_t at = limit;
  while (at > 0 && limit - at < 3 && continues(at)) {
    --at;
  }
  return continues(at) ? limit : at;
}

}  // namespace

// Raw memory for the arrays: constructors would touch all of it, and most units are small.
Column::Column()
    : timestamps_(static_cast<int64_t*>(std::malloc(kMaxUnitRecords * sizeof(int64_t)))),
      bodies_(
          static_cast<std::string_view*>(std::malloc(kMaxUnitRecords * sizeof(std::string_view)))),
      source_bytes_(static_cast<uint32_t*>(std::malloc(kMaxUnitRecords * sizeof(uint32_t)))) {
  static_assert(std::is_trivially_copyable_v<std::string_view>);
  TR_CHECK(timestamps_ != nullptr && bodies_ != nullptr && source_bytes_ != nullptr);
}

void Column::clear() noexcept {
  size_ = 0;
  from_carry_ = {};
  source_records_.clear();
  metadata_.clear();
}

void Column::set_source_records(uint32_t index, uint32_t records) {
  source_records_.resize(index, 1);
  source_records_.push_back(records);
}

void Column::set_metadata(uint32_t index, MetaSpan span) {
  metadata_.resize(std::max<size_t>(metadata_.size(), size_t{index} + 1));
  metadata_[index] = span;
}

void Column::complete_rare() {
  if (!source_records_.empty()) {
    source_records_.resize(size_, 1);
  }
  if (!metadata_.empty()) {
    metadata_.resize(size_);
  }
}

void Column::describe(LogBatch& batch) {
  batch.size = size_;
  batch.timestamps = timestamps_.get();
  batch.bodies = bodies_.get();
  batch.source_bytes = source_bytes_.get();
  batch.source_records = source_records_.empty() ? nullptr : source_records_.data();
  batch.metadata = metadata_.empty() ? nullptr : metadata_.data();
  batch.from_carry = from_carry_;
}

void RecordBuilder::begin(const FramingState& state, Arena& arena) noexcept {
  state_ = &state;
  arena_ = &arena;
  streams_ = state.streams;
  column_of_ = {0, static_cast<uint8_t>(state.one_stream ? 0 : 1)};
  counts_ = {};
  filtered_ = {};
  for (const Stream stream : {kStdout, kStderr}) {
    columns_[stream].clear();
    Work& work = work_[stream];
    work.pieces.clear();
    work.added = {};
    work.ended = false;
    work.carried = work.active = state.carry != nullptr && state.carry->pending[stream].active;
    if (work.active) {
      const PendingLine& line = state.carry->pending[stream];
      work.begin = line.begin;
      work.timestamp = line.timestamp;
      work.length = line.length;
      work.kept = line.text.size();
      work.carried_weight = line.weight;
    }
    update_special(stream);
  }
}

ReplayPoint RecordBuilder::point_at(uint64_t offset) const noexcept {
  ReplayPoint point{offset, streams_};
  for (const Stream stream : {kStdout, kStderr}) {
    if (work_[stream].active) {
      point.streams[stream].line = LineState::skip;
    }
  }
  return point;
}

void RecordBuilder::add_piece(Stream stream, int64_t written, std::string_view text,
                              uint64_t length, bool last, Place place) {
  Work& work = work_[stream];
  LineState& line = streams_[stream].line;
  const Weight weight{1, place.bytes};
  if (!work.active) {
    if (line == LineState::skip) {
      filtered_ += weight;
      if (last) {
        line = LineState::clean;
        update_special(stream);
      }
      return;
    }
    line = LineState::clean;  // an heir whose predecessor is gone begins here
    StreamPoint& run = streams_[column_of_[stream]];
    if (last) {
      update_special(stream);
      add_record(stream, run.stamp(written), text, length, weight);
      return;
    }
    work.active = true;
    work.begin = point_at(place.offset);
    work.begin.streams[stream].line = LineState::clean;
    work.timestamp = run.stamp(written);
    work.length = 0;
    work.kept = 0;
    work.carried_weight = {};
    work.added = {};
    update_special(stream);
  }
  const size_t room = max_line_size_ + kCutSlack - std::min(work.kept, max_line_size_ + kCutSlack);
  text = text.substr(0, room);
  if (!text.empty()) {
    work.pieces.push_back(text);
    work.kept += text.size();
  }
  work.length += length;
  work.added += weight;
  if (last) {
    complete(stream);
  } else if (work.length >= kLongestJoinedLine) {
    complete(stream);
    line = LineState::skip;
    update_special(stream);
  }
}

void RecordBuilder::add_malformed(std::string_view text, uint64_t length, Place place) {
  ++counts_.malformed;
  StreamPoint& run = streams_[kStdout];
  int64_t written = run.time;
  if (written == kNoTime) {
    written = streams_[kStderr].time != kNoTime ? streams_[kStderr].time : state_->fallback_time;
  }
  add_record(kStdout, run.stamp(written), text, length, {1, place.bytes});
}

void RecordBuilder::flush(Stream stream) {
  if (work_[stream].active) {
    complete(stream);
  }
}

std::string_view RecordBuilder::carried_text(Stream stream) const noexcept {
  return work_[stream].carried ? std::string_view(state_->carry->pending[stream].text)
                               : std::string_view();
}

void RecordBuilder::complete(Stream stream) {
  Work& work = work_[stream];
  const std::string_view head = carried_text(stream);
  char* const text = arena_->array<char>(work.kept);
  char* at = text;
  const auto append = [&at](std::string_view part) {
    if (!part.empty()) {
      std::memcpy(at, part.data(), part.size());
      at += part.size();
    }
  };
  append(head);
  for (const std::string_view piece : work.pieces) {
    append(piece);
  }
  TR_ASSERT(at == text + work.kept);
  if (work.carried) {
    columns_[column_of_[stream]].from_carry_ += work.carried_weight;
    work.ended = true;
    work.carried = false;
  }
  const std::string_view joined(text, work.kept);
  const Weight weight = work.carried_weight + work.added;
  work.active = false;
  work.pieces.clear();
  update_special(stream);
  // Checked by itself: the block need not show a character that is broken at the joint.
  const bool valid = codec::valid_utf8(joined);
  add_record(stream, work.timestamp, joined, work.length, weight);
  if (!valid) {
    Column& column = columns_[column_of_[stream]];
    repair(column, column.size_ - 1);
  }
}

void RecordBuilder::add_record(Stream stream, int64_t timestamp, std::string_view text,
                               uint64_t length, Weight weight) {
  Column& column = columns_[column_of_[stream]];
  TR_CHECK(column.size_ < kMaxUnitRecords);
  const uint32_t i = column.size_++;
  column.timestamps_[i] = timestamp;
  column.bodies_[i] = text.substr(0, cut_length(text, max_line_size_));
  column.source_bytes_[i] = static_cast<uint32_t>(std::min<uint64_t>(weight.bytes, UINT32_MAX));
  if (weight.records != 1) {
    column.set_source_records(i, static_cast<uint32_t>(weight.records));
  }
  if (length > max_line_size_) {
    mark_truncated(column, i, length);
  }
}

void RecordBuilder::mark_truncated(Column& column, uint32_t index, uint64_t length) {
  ++counts_.truncated;
  char digits[20];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, length);
  auto* pair = arena_->array<MetaPair>(1);
  *pair = {kTruncatedName, arena_->copy({digits, static_cast<size_t>(end - digits)})};
  column.set_metadata(index, {pair, 1});
}

/// U+FFFD for what is not UTF-8, still within the limit.
void RecordBuilder::repair(Column& column, uint32_t index) {
  std::string_view& body = column.bodies_[index];
  const std::string_view repaired = codec::make_valid_utf8(body, *arena_);
  if (repaired.data() == body.data()) {
    return;
  }
  ++counts_.utf8_replaced;
  if (repaired.size() > max_line_size_ && !column.has_metadata(index)) {
    mark_truncated(column, index, body.size());
  }
  body = repaired.substr(0, cut_length(repaired, max_line_size_));
}

void RecordBuilder::finish(bool valid) {
  for (Column& column : columns_) {
    for (uint32_t i = 0; !valid && i < column.size_; ++i) {
      repair(column, i);
    }
    column.complete_rare();
  }
}

size_t RecordBuilder::pending_bytes() const noexcept {
  size_t bytes = 0;
  for (const Work& work : work_) {
    bytes += work.active ? work.kept : 0;
  }
  return bytes;
}

Weight RecordBuilder::store(FramingState& state, Stream stream, int64_t now_ns) {
  if (state.carry == nullptr) {
    state.carry = std::make_unique<Carry>();
  }
  Work& work = work_[stream];
  PendingLine& line = state.carry->pending[stream];
  line.active = true;
  line.begin = work.begin;
  line.timestamp = work.timestamp;
  line.length = work.length;
  line.weight = work.carried_weight + work.added;
  line.text.reserve(work.kept);
  for (const std::string_view piece : work.pieces) {
    line.text.append(piece);
  }
  if (work.added.records != 0) {
    line.touched_ns = now_ns;
  }
  return work.added;
}

}  // namespace tailrace::inputs::tail
