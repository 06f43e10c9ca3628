#pragma once

#include <chrono>
#include <cstdint>

namespace tailrace {

using Duration = std::chrono::nanoseconds;

/// Where time comes from. Production reads the system's clocks in one file (loop/clock.cpp),
/// tests step a ManualClock.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Never goes back; for intervals, timeouts and rates. Nanoseconds since an arbitrary start.
  virtual int64_t monotonic_ns() const noexcept = 0;
  /// Nanoseconds since the Unix epoch.
  virtual int64_t wall_ns() const noexcept = 0;
};

}  // namespace tailrace
