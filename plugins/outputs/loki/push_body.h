#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tailrace/output.h"

#include "codec/growing_buffer.h"
#include "plugins/outputs/loki/loki_config.h"
#include "plugins/outputs/loki/stream_labels.h"

namespace tailrace::outputs::loki {

/// What the bodies of one output on one lane share: memory that is worth keeping between two
/// requests, but not for ever.
class BodyMemory {
 public:
  explicit BodyMemory(BodyCompression compression) : compression_(compression) {}

  codec::GrowingBuffer take() noexcept { return std::move(spare_); }
  void give_back(codec::GrowingBuffer buffer) noexcept;
  Bytes pack(std::span<const std::string_view> pieces);
  /// A number that no fill of a body had before.
  uint64_t next_fill() noexcept { return ++fills_; }
  /// Nobody has sealed for a while: the system gets its memory back.
  void release() noexcept { spare_.release(); }
  size_t idle_bytes() const noexcept { return spare_.capacity(); }

 private:
  BodyCompression compression_;
  codec::GrowingBuffer spare_;
  uint64_t fills_ = 0;
};

/// An open push request: entries gather in one buffer, in the order in which batches come, as
/// pieces that know their stream; the seal puts each stream's pieces behind its labels.
///
///   char* to = body.begin_piece(stream, bound);   // bound bytes are free at `to`
///   … entries …
///   body.end_piece(end, part);
class PushBody final : public RequestBody {
 public:
  explicit PushBody(std::shared_ptr<BodyMemory> memory) : memory_(std::move(memory)) {}

  char* begin_piece(StreamLabels& stream, size_t bound);
  /// Within a piece: there must be `bound` bytes free behind `end`, the end of what was written.
  /// Returns the place to go on at.
  char* more_room(const char* end, size_t bound);
  void end_piece(const char* end, uint32_t part);

  size_t bytes() const noexcept override { return buffer_.size() + streams_.size() * kHeadBytes; }
  Bytes seal(std::span<PartRange> parts) override;

 private:
  // Tag and length of a StreamAdapter, at most.
  static constexpr size_t kHeadBytes = 6;
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Stream {
    uint32_t labels_offset;
    uint32_t labels_length;
    uint32_t entries_length = 0;
    uint32_t first = kNone;
    uint32_t last = kNone;
  };
  struct Piece {
    uint32_t offset;
    uint32_t length;
    uint32_t part;
    uint32_t next = kNone;  // of the same stream
  };

  uint32_t find_or_add(const StreamLabels& stream);

  std::shared_ptr<BodyMemory> memory_;
  uint64_t fill_ = 0;  // 0: empty
  codec::GrowingBuffer buffer_;
  std::vector<Stream> streams_;                     // in the order in which they were first seen
  std::unordered_map<uint64_t, uint32_t> by_hash_;  // order hash to index in streams_
  std::vector<Piece> pieces_;
  uint32_t open_stream_ = kNone;
  uint32_t open_offset_ = 0;
};

}  // namespace tailrace::outputs::loki
