#pragma once

#include <cstddef>
#include <string_view>

namespace tailrace::codec {

/// Bytes that only grow, for encoders: room is made once per batch, not per byte. The memory comes
/// in whole pages straight from the kernel: growing moves pages instead of copying bytes, pages
/// that were never touched cost nothing, and release() really gives the memory back.
class GrowingBuffer {
 public:
  GrowingBuffer() = default;
  ~GrowingBuffer() { release(); }
  GrowingBuffer(GrowingBuffer&& other) noexcept;
  GrowingBuffer& operator=(GrowingBuffer&& other) noexcept;

  /// Makes room for `bytes` more; returns where they go. Pointers into the buffer become invalid,
  /// offsets do not.
  char* reserve(size_t bytes) {
    if (capacity_ - size_ < bytes) [[unlikely]] {
      grow(bytes);
    }
    return data_ + size_;
  }
  /// Says how far the reserved room was filled.
  void advance_to(const char* end) noexcept { size_ = static_cast<size_t>(end - data_); }
  void clear() noexcept { size_ = 0; }
  void release() noexcept;

  size_t size() const noexcept { return size_; }
  size_t capacity() const noexcept { return capacity_; }
  std::string_view view(size_t offset, size_t length) const noexcept {
    return {data_ + offset, length};
  }

 private:
  void grow(size_t bytes);

  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace tailrace::codec
