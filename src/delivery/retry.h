#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace tailrace::delivery {

using Milliseconds = std::chrono::milliseconds;

/// A small generator for jitter (xorshift64*); not for secrets.
class Jitter {
 public:
  explicit Jitter(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ull + 1) {}
  /// Uniform in [low, high].
  int64_t between(int64_t low, int64_t high) noexcept {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    const uint64_t value = state_ * 0x2545F4914F6CDD1Dull;
    return high <= low ? low
                       : low + static_cast<int64_t>(value % static_cast<uint64_t>(high - low + 1));
  }

 private:
  uint64_t state_;
};

/// Decorrelated jitter: each wait is between the least and three times the last one.
/// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
class Backoff {
 public:
  Milliseconds next(Milliseconds least, Milliseconds most, Jitter& jitter) noexcept {
    const int64_t last = std::max(last_.count(), least.count());
    last_ = Milliseconds(std::min(jitter.between(least.count(), last * 3), most.count()));
    return last_;
  }
  void reset() noexcept { last_ = Milliseconds(0); }

 private:
  Milliseconds last_{0};
};

/// Stops sending to an endpoint that does not work; then lets one request at a time try.
class Breaker {
 public:
  static constexpr uint32_t kFailuresToOpen = 5;

  bool allows(int64_t now_ns, uint32_t in_flight) const noexcept {
    return !open() || (in_flight == 0 && now_ns >= open_until_ns_);
  }
  bool open() const noexcept { return failures_ >= kFailuresToOpen; }
  int64_t open_until_ns() const noexcept { return open_until_ns_; }
  void on_success() noexcept { failures_ = 0; }
  void on_failure(int64_t now_ns, Milliseconds wait) noexcept {
    ++failures_;
    open_until_ns_ = now_ns + std::chrono::nanoseconds(wait).count();
  }

 private:
  uint32_t failures_ = 0;
  int64_t open_until_ns_ = 0;
};

/// How many sequences may fly at once: one more after a round of successes, half after a failure
/// (additive increase, multiplicative decrease).
class ConcurrencyLimit {
 public:
  explicit ConcurrencyLimit(uint32_t most) : most_(std::max(1u, most)) {}
  uint32_t value() const noexcept { return static_cast<uint32_t>(limit_); }
  void on_success() noexcept { limit_ = std::min<double>(most_, limit_ + 1.0 / limit_); }
  void on_failure() noexcept { limit_ = std::max(1.0, limit_ / 2); }

 private:
  uint32_t most_;
  double limit_ = 2;
};

}  // namespace tailrace::delivery
