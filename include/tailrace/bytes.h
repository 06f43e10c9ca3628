#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace tailrace {

/// An owned run of bytes of exactly its size: what waits in queues.
class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(size_t size) : data_(size ? new char[size] : nullptr), size_(size) {}
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

  char* data() noexcept { return data_.get(); }
  const char* data() const noexcept { return data_.get(); }
  size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::string_view view() const noexcept { return {data_.get(), size_}; }

 private:
  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
};

}  // namespace tailrace
