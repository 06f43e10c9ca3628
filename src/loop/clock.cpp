#include "loop/clock.h"

#include <ctime>

namespace tailrace::loop {

namespace {

int64_t read_clock(clockid_t which) noexcept {
  timespec now{};
  clock_gettime(which, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

class SystemClock final : public Clock {
 public:
  int64_t monotonic_ns() const noexcept override { return read_clock(CLOCK_MONOTONIC); }
  int64_t wall_ns() const noexcept override { return read_clock(CLOCK_REALTIME); }
};

}  // namespace

const Clock& system_clock() noexcept {
  static const SystemClock clock;
  return clock;
}

}  // namespace tailrace::loop
