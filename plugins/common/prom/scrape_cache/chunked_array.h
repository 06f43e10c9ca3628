#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <type_traits>
#include <utility>

#include "tailrace/check.h"

namespace tailrace::common::prom {

/// An array that grows without moving what is in it: chunks of 64, 128, 256 … elements. A chunk's
/// untouched end costs no memory, for large ones come straight from the kernel.
template <class T>
class ChunkedArray {
 public:
  ChunkedArray() = default;
  ~ChunkedArray() { clear(); }
  ChunkedArray(const ChunkedArray&) = delete;
  ChunkedArray& operator=(const ChunkedArray&) = delete;

  T& operator[](uint32_t index) noexcept {
    const Place at = place(index);
    return chunks_[at.chunk][at.offset];
  }
  const T& operator[](uint32_t index) const noexcept {
    const Place at = place(index);
    return chunks_[at.chunk][at.offset];
  }
  uint32_t size() const noexcept { return size_; }

  T& emplace_back() {
    const Place at = place(size_);
    if (at.chunk == chunk_count_) {
      chunks_[chunk_count_] = static_cast<T*>(std::malloc(chunk_size(at.chunk) * sizeof(T)));
      TR_CHECK(chunks_[chunk_count_] != nullptr);
      ++chunk_count_;
    }
    ++size_;
    return *new (&chunks_[at.chunk][at.offset]) T();
  }
  /// Elements up to `size` exist, new ones value-initialised.
  void grow_to(uint32_t size) {
    while (size_ < size) {
      emplace_back();
    }
  }
  /// Destroys those from `size` on and gives back chunks that are empty then.
  void shrink_to(uint32_t size) noexcept {
    if constexpr (!std::is_trivially_destructible_v<T>) {
      for (uint32_t i = size; i < size_; ++i) {
        (*this)[i].~T();
      }
    }
    size_ = std::min(size_, size);
    while (chunk_count_ > 0 && first_of(chunk_count_ - 1) >= size_) {
      std::free(chunks_[--chunk_count_]);
    }
  }
  void clear() noexcept { shrink_to(0); }
  /// Of a large chunk only what has been used: the rest is not there yet.
  size_t bytes() const noexcept {
    if (chunk_count_ == 0) {
      return 0;
    }
    const size_t before = first_of(chunk_count_ - 1);
    const size_t last = chunk_size(chunk_count_ - 1);
    return (before + (last * sizeof(T) < kLarge ? last : size_ - before)) * sizeof(T);
  }

 private:
  static constexpr uint32_t kFirst = 64;
  static constexpr size_t kLarge = 128 * 1024;
  struct Place {
    uint32_t chunk;
    uint32_t offset;
  };
  static size_t chunk_size(uint32_t chunk) noexcept { return static_cast<size_t>(kFirst) << chunk; }
  static size_t first_of(uint32_t chunk) noexcept {
    return kFirst * ((static_cast<size_t>(1) << chunk) - 1);
  }
  static Place place(uint32_t index) noexcept {
    const uint32_t chunk = static_cast<uint32_t>(std::bit_width(index / kFirst + 1)) - 1;
    return {chunk, index - kFirst * ((1U << chunk) - 1)};
  }

  T* chunks_[27] = {};  // enough for 2^32 elements
  uint32_t chunk_count_ = 0;
  uint32_t size_ = 0;
};

}  // namespace tailrace::common::prom
