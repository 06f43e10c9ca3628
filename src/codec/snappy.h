#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "tailrace/bytes.h"
#include "tailrace/result.h"

#include "codec/padded_bytes.h"

/// Snappy's block format: a varint with the uncompressed length, then literals and copies. No
/// framing, no checksum.
/// Source: google/snappy format_description.txt.
namespace tailrace::codec {

/// The pieces, one behind the other, as one snappy block, without putting them together first.
/// Fewer than 4 GiB together.
Bytes snappy_compress(std::span<const std::string_view> pieces);

/// The pieces as a valid snappy block made of literals only: no compression, memcpy speed.
Bytes snappy_literals(std::span<const std::string_view> pieces);

/// The length that a snappy block says it has when uncompressed.
Result<size_t> snappy_declared_size(std::string_view compressed);

/// Uncompresses a block. More than `limit` bytes is ErrorCode::limit, found out before anything is
/// allocated; a broken block is ErrorCode::invalid.
Result<PaddedBytes> snappy_uncompress(std::string_view compressed, size_t limit);

}  // namespace tailrace::codec
