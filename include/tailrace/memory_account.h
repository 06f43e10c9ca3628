#pragma once

#include <cstddef>
#include <cstdint>

namespace tailrace {

/// Memory that a component holds beyond the unit in work (bodies, carried lines, what is known of
/// series): counted against agent.memory_limit. Any thread.
class MemoryAccount {
 public:
  virtual ~MemoryAccount() = default;
  /// False when it would exceed the limit; then nothing is reserved.
  virtual bool reserve(size_t bytes) noexcept = 0;
  virtual void release(size_t bytes) noexcept = 0;
  /// What all its users can have together: for who needs more, waiting is no help.
  virtual size_t capacity() const noexcept { return SIZE_MAX; }
};

}  // namespace tailrace
