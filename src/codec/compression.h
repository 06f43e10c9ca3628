#pragma once

#include <cstddef>
#include <string_view>

#include "tailrace/bytes.h"
#include "tailrace/result.h"

#include "codec/padded_bytes.h"

namespace tailrace::codec {

enum class Compression : uint8_t {
  gzip,         ///< RFC 1952; several members behind each other are one text.
  zlib,         ///< RFC 1950; what HTTP's `deflate` means by RFC 9110.
  raw_deflate,  ///< RFC 1951 without any header; what Loki's `deflate` means.
  zstd,         ///< RFC 8878; several frames are one text.
};

/// Decompresses a whole body, in steps, so that memory grows only as far as content really comes
/// out. More than `limit` bytes is ErrorCode::limit; broken or cut off is ErrorCode::invalid.
Result<PaddedBytes> decompress(Compression format, std::string_view body, size_t limit);

/// `level` 1 (fast) to 12 (small).
Bytes gzip_compress(std::string_view body, int level = 6);
/// `level` 1 (fast) to 19 (small).
Bytes zstd_compress(std::string_view body, int level = 1);

}  // namespace tailrace::codec
