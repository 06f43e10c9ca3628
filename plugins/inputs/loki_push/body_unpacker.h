#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "tailrace/input.h"
#include "tailrace/result.h"

#include "codec/padded_bytes.h"
#include "plugins/inputs/loki_push/push_head.h"

namespace tailrace::inputs::loki_push {

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

/// Undoes a body's compressions; what they take is reserved before it is allocated.
///
/// Errors: invalid (broken), limit (more than `max_bytes` unpacked), no_space (no memory is left
///         for it now).
Result<codec::PaddedBytes> unpack_body(const BodyForm& form, Bytes body_and_padding, size_t size,
                                       uint64_t max_bytes, Reservation& memory);

}  // namespace tailrace::inputs::loki_push
