#include "codec/growing_buffer.h"

#include <algorithm>
#include <new>
#include <utility>

#include <sys/mman.h>

namespace tailrace::codec {

namespace {
constexpr size_t kLeastBytes = 64 * 1024;
}

GrowingBuffer::GrowingBuffer(GrowingBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

GrowingBuffer& GrowingBuffer::operator=(GrowingBuffer&& other) noexcept {
  if (this != &other) {
    release();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

void GrowingBuffer::grow(size_t bytes) {
  // Doubling keeps the number of system calls small; untouched pages are free.
  size_t capacity = std::max({capacity_ * 2, size_ + bytes, kLeastBytes});
  capacity = (capacity + kLeastBytes - 1) / kLeastBytes * kLeastBytes;
  void* at = data_ == nullptr ? mmap(nullptr, capacity, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                              : mremap(data_, capacity_, capacity, MREMAP_MAYMOVE);
  if (at == MAP_FAILED) {
    throw std::bad_alloc();
  }
  data_ = static_cast<char*>(at);
  capacity_ = capacity;
}

void GrowingBuffer::release() noexcept {
  if (data_ != nullptr) {
    munmap(data_, capacity_);
  }
  data_ = nullptr;
  size_ = 0;
  capacity_ = 0;
}

}  // namespace tailrace::codec
