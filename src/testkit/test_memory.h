#pragma once

#include <cstddef>
#include <cstdint>

#include "tailrace/memory_account.h"

namespace tailrace::testkit {

/// A memory account that a test looks into. One thread.
struct TestMemory final : MemoryAccount {
  explicit TestMemory(size_t bytes = SIZE_MAX) noexcept : limit(bytes) {}
  bool reserve(size_t bytes) noexcept override {
    if (bytes > limit - used) {
      return false;
    }
    used += bytes;
    return true;
  }
  void release(size_t bytes) noexcept override { used -= bytes; }
  size_t capacity() const noexcept override { return limit; }

  size_t limit;
  size_t used = 0;
};

}  // namespace tailrace::testkit
