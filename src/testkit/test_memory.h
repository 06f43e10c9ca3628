#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "tailrace/check.h"
#include "tailrace/memory_account.h"

namespace tailrace::testkit {

/// A memory account that a test looks into. One thread.
struct TestMemory final : MemoryAccount {
  explicit TestMemory(size_t bytes = SIZE_MAX, size_t others = 0) noexcept
      : limit(bytes), all(bytes), used(others) {}
  bool reserve(size_t bytes) noexcept override {
    if (used > limit || bytes > limit - used) {
      return false;
    }
    used += bytes;
    most = std::max(most, used);
    return true;
  }
  void release(size_t bytes) noexcept override {
    TR_CHECK(bytes <= used);
    used -= bytes;
  }
  size_t capacity() const noexcept override { return all; }

  size_t limit;  ///< What can be had now.
  size_t all;    ///< What its users are told there is altogether.
  size_t used;
  size_t most = 0;
};

}  // namespace tailrace::testkit
