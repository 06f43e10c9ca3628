#pragma once

#include <cstddef>
#include <utility>

#include "tailrace/input.h"

namespace tailrace::common::receiver {

/// Memory that was reserved and is given back at the end of life.
class Reservation {
 public:
  explicit Reservation(MemoryAccount& account) noexcept : account_(&account) {}
  Reservation(Reservation&& other) noexcept
      : account_(other.account_), bytes_(std::exchange(other.bytes_, 0)) {}
  Reservation& operator=(Reservation&&) = delete;
  ~Reservation() { release(); }

  /// Reserves so many bytes more; false (and unchanged) when there is no room.
  bool grow(size_t bytes) noexcept {
    if (!account_->reserve(bytes)) {
      return false;
    }
    bytes_ += bytes;
    return true;
  }
  void release() noexcept {
    if (bytes_ > 0) {
      account_->release(std::exchange(bytes_, 0));
    }
  }
  size_t bytes() const noexcept { return bytes_; }

 private:
  MemoryAccount* account_;
  size_t bytes_ = 0;
};

}  // namespace tailrace::common::receiver
