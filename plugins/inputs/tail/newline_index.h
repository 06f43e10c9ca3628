#pragma once

#include <cstddef>
#include <cstdint>

namespace tailrace::inputs::tail {

struct NewlineScan {
  size_t count = 0;    ///< Newlines found.
  size_t scanned = 0;  ///< Bytes looked at: up to `size`, or up to and with the last newline.
  bool ascii = true;   ///< No byte above 0x7f among the bytes looked at (and maybe a few after).
};

/// Finds all newlines of a block in one pass, together with whether it is plain ASCII: one pass is
/// cheaper than a memchr per line and a check of UTF-8.
///
/// Shape:  writes the offsets of at most `most` newlines to `offsets`.
/// Needs:  kBlockPadding readable bytes behind data + size.
NewlineScan find_newlines(const char* data, size_t size, uint32_t* offsets, size_t most) noexcept;

namespace detail {
/// Without vector instructions; for other machines and to compare with.
NewlineScan find_newlines_portably(const char* data, size_t size, uint32_t* offsets,
                                   size_t most) noexcept;
}  // namespace detail

}  // namespace tailrace::inputs::tail
