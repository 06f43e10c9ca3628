#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/output.h"

#include "codec/growing_buffer.h"
#include "plugins/outputs/otlp/otlp_config.h"

namespace tailrace::outputs::otlp {

/// A body as it goes over the wire.
Bytes compress_body(std::string_view body, BodyCompression compression);

/// What the bodies of one output on one lane share: memory that is worth keeping between two
/// requests, but not for ever.
class BodyMemory {
 public:
  explicit BodyMemory(BodyCompression compression) noexcept : compression_(compression) {}

  codec::GrowingBuffer take() noexcept { return std::move(spare_); }
  void give_back(codec::GrowingBuffer buffer) noexcept {
    buffer.clear();
    if (spare_.capacity() == 0) {
      spare_ = std::move(buffer);
    }
  }
  /// Nobody has sealed for a while: the system gets its memory back.
  void release() noexcept {
    spare_.release();
    last_bytes_ = 0;
  }
  BodyCompression compression() const noexcept { return compression_; }
  /// Of the last body that was sealed as it was: the next one is likely to be as large.
  size_t& last_bytes() noexcept { return last_bytes_; }

 private:
  BodyCompression compression_;
  codec::GrowingBuffer spare_;
  size_t last_bytes_ = 0;
};

/// An open export request: resources behind each other, as field 1 of the request.
class ExportBody final : public RequestBody {
 public:
  explicit ExportBody(std::shared_ptr<BodyMemory> memory) : memory_(std::move(memory)) {}

  /// Room that one resource takes, at most.
  static size_t bound(std::string_view resource) noexcept;
  /// Begins the next part, of at most `bound` bytes.
  void begin_part(size_t bound);
  /// Room for it was made by begin_part().
  void add(std::string_view resource) noexcept;

  size_t bytes() const noexcept override { return size_; }
  Bytes seal(std::span<PartRange> parts) override;

 private:
  bool is_compressed() const noexcept { return memory_->compression() != BodyCompression::none; }
  void grow_plain(size_t wanted);

  std::shared_ptr<BodyMemory> memory_;
  size_t size_ = 0;
  codec::GrowingBuffer buffer_;   // what will be compressed
  Bytes plain_;                   // what will not: gathered in what it waits in
  std::vector<uint32_t> starts_;  // by part
};

}  // namespace tailrace::outputs::otlp
