#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace tailrace::codec {

/// Longest encoding of a 64-bit varint.
inline constexpr size_t kMaxVarintBytes = 10;

/// Bytes that `value` takes as a varint (1–10).
constexpr size_t varint_size(uint64_t value) noexcept {
  // 7 bits to the byte: ceil(bits / 7), without a division and without a branch for 0.
  return (static_cast<size_t>(std::bit_width(value | 1)) * 9 + 64) / 64;
}

/// Writes `value` at `to`, where varint_size(value) bytes must be free; returns the place behind
/// it.
inline char* write_varint(char* to, uint64_t value) noexcept {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

/// Reads a varint from [at, end) and moves `at` behind it. False when the bytes end in the middle
/// or it is longer than 10 bytes; then `at` has not moved.
inline bool read_varint(const char*& at, const char* end, uint64_t& value) noexcept {
  uint64_t result = 0;
  int shift = 0;
  for (const char* p = at; p != end && shift < 70; shift += 7) {
    const auto byte = static_cast<uint8_t>(*p++);
    result |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      value = result;
      at = p;
      return true;
    }
  }
  return false;
}

constexpr uint64_t zigzag(int64_t value) noexcept {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
constexpr int64_t unzigzag(uint64_t value) noexcept {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

}  // namespace tailrace::codec
