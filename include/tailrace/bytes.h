#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "tailrace/check.h"

namespace tailrace {

/// malloc and free, but a thread keeps a few of the runs of 4 to 128 KiB that it freed last (1 MiB
/// at most) for its next ones. nullptr: no memory.
void* allocate_bytes(size_t size) noexcept;
/// A run of malloc's or allocate_bytes', or nullptr. Any thread.
void free_bytes(void* run) noexcept;

/// An owned run of bytes of exactly its size: what waits in queues.
class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(size_t size) : size_(size) {
    if (size > 0) {
      data_.reset(static_cast<char*>(allocate_bytes(size)));
      TR_CHECK(data_ != nullptr);
    }
  }
  Bytes(Bytes&& other) noexcept
      : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  Bytes& operator=(Bytes&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  static Bytes copy_of(std::string_view bytes) {
    Bytes copy(bytes.size());
    if (!bytes.empty()) {
      std::memcpy(copy.data(), bytes.data(), bytes.size());
    }
    return copy;
  }

  /// Gives back what lies behind the first `size` bytes: what was made may be known to be smaller
  /// than it could have become.
  void shrink(size_t size) noexcept {
    if (size == 0) {
      data_.reset();
    } else if (char* const smaller = static_cast<char*>(std::realloc(data_.get(), size));
               smaller != nullptr) {
      static_cast<void>(data_.release());
      data_.reset(smaller);
    }
    size_ = size;
  }

  char* data() noexcept { return data_.get(); }
  const char* data() const noexcept { return data_.get(); }
  size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::string_view view() const noexcept { return {data_.get(), size_}; }

 private:
  struct Free {
    void operator()(char* data) const noexcept { free_bytes(data); }
  };
  std::unique_ptr<char[], Free> data_;  // malloc's: C++ has no way to give back a part
  size_t size_ = 0;
};

}  // namespace tailrace
