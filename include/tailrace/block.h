#pragma once

#include <cstddef>
#include <string_view>

namespace tailrace {

/// Largest unit that an input takes at once. Small enough that it stays in the L2 cache from the
/// read to the copy into the outgoing request.
inline constexpr size_t kMaxBlockBytes = 256 * 1024;

/// Most records that one unit may hold. Together with kMaxBlockBytes it bounds what a unit can
/// grow to in an output (a block of empty lines would else grow twentyfold).
inline constexpr size_t kMaxUnitRecords = 16 * 1024;

/// Readable bytes behind the end of every block (their content does not matter): SIMD code may
/// read past the end. Equals simdjson's SIMDJSON_PADDING.
inline constexpr size_t kBlockPadding = 64;

/// Bytes that were just read.
///
/// Lifetime: valid until the call that hands it over returns. Never edited.
/// Shape:    bytes.data()[0 .. bytes.size() + kBlockPadding) is readable.
struct Block {
  std::string_view bytes;
};

}  // namespace tailrace
