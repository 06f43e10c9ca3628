#pragma once

#include <cstdint>

/// Integers of fixed width in our own files: little-endian, whatever the processor.
namespace tailrace::delivery {

inline void store_u32(char* to, uint32_t value) noexcept {
  for (int i = 0; i < 4; ++i) {
    to[i] = static_cast<char>(value >> (8 * i));
  }
}
inline void store_u64(char* to, uint64_t value) noexcept {
  store_u32(to, static_cast<uint32_t>(value));
  store_u32(to + 4, static_cast<uint32_t>(value >> 32));
}
inline uint32_t load_u32(const char* from) noexcept {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    value |= static_cast<uint32_t>(static_cast<unsigned char>(from[i])) << (8 * i);
  }
  return value;
}
inline uint64_t load_u64(const char* from) noexcept {
  return load_u32(from) | static_cast<uint64_t>(load_u32(from + 4)) << 32;
}

}  // namespace tailrace::delivery
