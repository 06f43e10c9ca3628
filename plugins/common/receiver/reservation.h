#pragma once

#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "tailrace/input.h"
#include "tailrace/result.h"

namespace tailrace::common::receiver {

/// Memory that was reserved and is given back at the end of life.
class Reservation {
 public:
  explicit Reservation(MemoryAccount& account) noexcept : account_(&account) {}
  Reservation(Reservation&& other) noexcept
      : account_(other.account_), bytes_(std::exchange(other.bytes_, 0)) {}
  Reservation& operator=(Reservation&&) = delete;
  ~Reservation() { release(); }

  /// Reserves so many bytes more. ErrorCode::no_space (and unchanged) when there is no room now,
  /// ErrorCode::limit when there will never be: a client must not send that again and again.
  /// `beside` are bytes of the account that somebody else holds for the same body.
  Status grow(size_t bytes, size_t beside = 0) {
    if (account_->reserve(bytes)) {
      bytes_ += bytes;
      return {};
    }
    if (bytes + beside > room_at_most()) {
      return fail(ErrorCode::limit,
                  fmt::format("this body needs {} bytes of memory, and inputs have {} of "
                              "agent.memory_limit; send smaller bodies",
                              bytes_ + bytes + beside, account_->capacity()));
    }
    return fail(ErrorCode::no_space, "no memory for this body now; send it again later");
  }
  /// So much more there would be if nobody else had any.
  size_t room_at_most() const noexcept {
    const size_t all = account_->capacity();
    return all > bytes_ ? all - bytes_ : 0;
  }
  void release() noexcept { shrink(0); }
  /// Gives back all but so much.
  void shrink(size_t bytes) noexcept {
    if (bytes_ > bytes) {
      account_->release(bytes_ - bytes);
      bytes_ = bytes;
    }
  }
  size_t bytes() const noexcept { return bytes_; }

 private:
  MemoryAccount* account_;
  size_t bytes_ = 0;
};

}  // namespace tailrace::common::receiver
