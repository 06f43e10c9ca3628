#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "tailrace/metric_batch.h"

#include "codec/decimal.h"

/// Numbers of at most 16 characters, as two words of text: for the line that is read again and
/// again. Little-endian hosts only, as everywhere here.
namespace tailrace::common::prom {

inline constexpr size_t kShortNumber = 16;

struct ShortText {
  uint64_t words[2];
};

/// The 16 bytes at `at`, all of which must be there.
inline ShortText load_short(const char* at) noexcept {
  ShortText text;
  std::memcpy(text.words, at, sizeof text.words);
  return text;
}

/// Where the first line break is, in the word's bytes; 8 when there is none.
inline size_t find_line_break(uint64_t word) noexcept {
  constexpr uint64_t kOnes = 0x0101010101010101;
  const uint64_t zero_there = word ^ (kOnes * '\n');
  const uint64_t found = (zero_there - kOnes) & ~zero_there & (kOnes << 7);
  return static_cast<size_t>(std::countr_zero(found)) / 8;
}
/// The same for both words; 16 when there is none.
inline size_t find_line_break(const ShortText& text) noexcept {
  const size_t first = find_line_break(text.words[0]);
  return first < 8 ? first : 8 + find_line_break(text.words[1]);
}

/// Zeros in place of what stands behind the first `size` bytes (0–16).
inline void keep_first(ShortText& text, size_t size) noexcept {
  const auto mask = [](size_t bytes) { return bytes >= 8 ? ~0ULL : (1ULL << (bytes * 8)) - 1; };
  text.words[0] &= mask(size);
  text.words[1] &= size > 8 ? mask(size - 8) : 0;
}

/// The value of 8 digits; false if they are not all digits.
inline bool eight_digits(uint64_t word, uint64_t& value) noexcept {
  constexpr uint64_t kHigh = 0xf0f0f0f0f0f0f0f0;
  constexpr uint64_t kZeros = 0x3030303030303030;
  if ((word & kHigh) != kZeros || ((word + 0x0606060606060606) & kHigh) != kZeros) {
    return false;
  }
  word -= kZeros;
  word = word * 10 + (word >> 8);
  value = ((word & 0x000000ff000000ff) * 0x000f424000000064 +
           (word >> 16 & 0x000000ff000000ff) * 0x0000271000000001) >>
          32;
  return true;
}

/// The bits of the number that the first `size` (1–16) bytes at `at` are; `text` holds the same
/// bytes with zeros behind. False: it is none.
inline bool parse_short(const char* at, const ShortText& text, size_t size,
                        uint64_t& bits) noexcept {
  constexpr uint64_t kZeros = 0x3030303030303030;
  uint64_t whole = 0;
  if (size <= 8) {
    const unsigned shift = static_cast<unsigned>(8 - size) * 8;
    const uint64_t filled =
        shift == 0 ? text.words[0] : text.words[0] << shift | (kZeros & ((1ULL << shift) - 1));
    if (eight_digits(filled, whole)) {
      bits = std::bit_cast<uint64_t>(static_cast<double>(whole));
      return true;
    }
  }
  double value = 0;
  if (!codec::parse_decimal({at, size}, value)) {
    return false;
  }
  bits = std::isnan(value) ? kNormalNan : std::bit_cast<uint64_t>(value);
  return true;
}

}  // namespace tailrace::common::prom
