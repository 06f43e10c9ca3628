#pragma once

#include <cstddef>

#include "tailrace/memory_account.h"

namespace tailrace::converters::otlp_to_metrics {

/// Part of an account, with a limit of its own. All is given back at the end of life.
class MemoryShare {
 public:
  MemoryShare(MemoryAccount& account, size_t limit) noexcept : account_(account), limit_(limit) {}
  MemoryShare(const MemoryShare&) = delete;
  MemoryShare& operator=(const MemoryShare&) = delete;
  ~MemoryShare() { hold(0); }

  /// Holds so much from now on. False, and nothing changes, when more is asked for than there is.
  bool hold(size_t bytes) noexcept {
    if (bytes > bytes_ && (bytes > limit_ || !account_.reserve(bytes - bytes_))) {
      return false;
    }
    if (bytes < bytes_) {
      account_.release(bytes_ - bytes);
    }
    bytes_ = bytes;
    return true;
  }
  size_t bytes() const noexcept { return bytes_; }
  size_t limit() const noexcept { return limit_; }

 private:
  MemoryAccount& account_;
  const size_t limit_;
  size_t bytes_ = 0;
};

}  // namespace tailrace::converters::otlp_to_metrics
