#include "plugins/outputs/loki/push_body.h"

#include <cstring>

#include "tailrace/check.h"

#include "codec/proto_writer.h"
#include "codec/snappy.h"
#include "plugins/common/loki/entry_writer.h"

namespace tailrace::outputs::loki {

namespace {

/// Views that lie next to each other are one.
void add_view(std::vector<std::string_view>& views, std::string_view view) {
  if (!views.empty() && views.back().data() + views.back().size() == view.data()) {
    views.back() = {views.back().data(), views.back().size() + view.size()};
  } else {
    views.push_back(view);
  }
}

}  // namespace

void BodyMemory::give_back(codec::GrowingBuffer buffer) noexcept {
  buffer.clear();
  if (spare_.capacity() == 0) {
    spare_ = std::move(buffer);
  }
}

Bytes BodyMemory::pack(std::span<const std::string_view> pieces) {
  return compression_ == BodyCompression::none ? codec::snappy_literals(pieces)
                                               : codec::snappy_compress(pieces);
}

char* PushBody::begin_piece(StreamLabels& stream, size_t bound) {
  if (fill_ == 0) {
    fill_ = memory_->next_fill();
    buffer_ = memory_->take();
  }
  if (stream.fill != fill_) {
    stream.fill = fill_;
    stream.index = find_or_add(stream);
  }
  open_stream_ = stream.index;
  open_offset_ = static_cast<uint32_t>(buffer_.size());
  return buffer_.reserve(bound);
}

/// A label set may have gone and come again, and two sets may be one to Loki, so that what is new
/// here is looked for by its text.
uint32_t PushBody::find_or_add(const StreamLabels& stream) {
  const auto [known, is_new] =
      by_hash_.try_emplace(stream.order_hash, static_cast<uint32_t>(streams_.size()));
  if (!is_new) {
    const Stream& other = streams_[known->second];
    if (buffer_.view(other.labels_offset, other.labels_length) == stream.field) {
      return known->second;
    }
  }
  char* to = buffer_.reserve(stream.field.size());
  std::memcpy(to, stream.field.data(), stream.field.size());
  streams_.push_back(
      {static_cast<uint32_t>(buffer_.size()), static_cast<uint32_t>(stream.field.size())});
  buffer_.advance_to(to + stream.field.size());
  return static_cast<uint32_t>(streams_.size() - 1);
}

char* PushBody::more_room(const char* end, size_t bound) {
  buffer_.advance_to(end);
  return buffer_.reserve(bound);
}

void PushBody::end_piece(const char* end, uint32_t part) {
  buffer_.advance_to(end);
  TR_CHECK(buffer_.size() <= UINT32_MAX);
  const auto length = static_cast<uint32_t>(buffer_.size()) - open_offset_;
  const auto index = static_cast<uint32_t>(pieces_.size());
  pieces_.push_back({open_offset_, length, part});
  Stream& stream = streams_[open_stream_];
  if (stream.last == kNone) {
    stream.first = index;
  } else {
    pieces_[stream.last].next = index;
  }
  stream.last = index;
  stream.entries_length += length;
}

Bytes PushBody::seal(std::span<PartRange> parts) {
  TR_CHECK(parts.size() == pieces_.size());
  std::string heads(streams_.size() * kHeadBytes, '\0');
  char* head = heads.data();
  std::vector<std::string_view> views;
  views.reserve(pieces_.size() + 2 * streams_.size());
  uint32_t offset = 0;
  for (const Stream& stream : streams_) {
    char* const end = codec::write_bytes_header(head, tailrace::loki::kStreamsField,
                                                stream.labels_length + stream.entries_length);
    // Heads are not joined with each other: entries lie between them.
    views.emplace_back(head, static_cast<size_t>(end - head));
    offset += static_cast<uint32_t>(end - head) + stream.labels_length;
    head = end;
    add_view(views, buffer_.view(stream.labels_offset, stream.labels_length));
    for (uint32_t i = stream.first; i != kNone; i = pieces_[i].next) {
      const Piece& piece = pieces_[i];
      add_view(views, buffer_.view(piece.offset, piece.length));
      parts[piece.part].offset = offset;
      parts[piece.part].length = piece.length;
      offset += piece.length;
    }
  }
  Bytes payload = memory_->pack(views);

  streams_.clear();
  by_hash_.clear();
  pieces_.clear();
  memory_->give_back(std::move(buffer_));
  fill_ = 0;
  return payload;
}

}  // namespace tailrace::outputs::loki
