#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "tailrace/bytes.h"
#include "tailrace/result.h"

#include "codec/padded_bytes.h"

/// Snappy's block format: a varint with the uncompressed length, then literals and copies. No
/// framing, no checksum.
/// Source: google/snappy format_description.txt.
namespace tailrace::codec {

/// Compresses a body that lies in several pieces, without putting them together first.
///
/// Lifetime: keeps its scratch memory between calls; release() gives it back.
class SnappyCompressor {
 public:
  SnappyCompressor();
  ~SnappyCompressor();
  SnappyCompressor(SnappyCompressor&&) noexcept;
  SnappyCompressor& operator=(SnappyCompressor&&) noexcept;

  /// The pieces, one behind the other, as one snappy block. Fewer than 4 GiB together.
  Bytes compress(std::span<const std::string_view> pieces);
  void release() noexcept;
  size_t scratch_bytes() const noexcept { return scratch_size_; }

 private:
  std::unique_ptr<char[]> scratch_;
  size_t scratch_size_ = 0;
};

/// The pieces as a valid snappy block made of literals only: no compression, memcpy speed.
Bytes snappy_literals(std::span<const std::string_view> pieces);

/// The length that a snappy block says it has when uncompressed.
Result<size_t> snappy_declared_size(std::string_view compressed);

/// Uncompresses a block. More than `limit` bytes is ErrorCode::limit, found out before anything is
/// allocated; a broken block is ErrorCode::invalid.
Result<PaddedBytes> snappy_uncompress(std::string_view compressed, size_t limit);

}  // namespace tailrace::codec
