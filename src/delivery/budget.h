#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "tailrace/input.h"
#include "tailrace/lane.h"

namespace tailrace::delivery {

/// A share of agent.memory_limit. Any thread.
class MemoryPool final : public MemoryAccount {
 public:
  explicit MemoryPool(size_t limit) : limit_(limit) {}

  bool reserve(size_t bytes) noexcept override {
    size_t used = used_.load(std::memory_order_relaxed);
    do {
      if (used + bytes > limit_) {
        return false;
      }
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  void release(size_t bytes) noexcept override {
    used_.fetch_sub(bytes, std::memory_order_relaxed);
  }
  size_t capacity() const noexcept override { return limit_; }
  size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

 private:
  const size_t limit_;
  std::atomic<size_t> used_{0};
};

/// The memory of one output's queue, all lanes together: open requests at their uncompressed size,
/// sealed ones at their payload's, and what is kept of spooled ones. Never refuses (an append must
/// not fail half-way): inputs ask for room before they take a unit.
class QueueMemory {
 public:
  explicit QueueMemory(size_t limit) : limit_(limit) {}

  void take(size_t bytes) noexcept { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void give_back(size_t bytes) noexcept {
    used_.fetch_sub(bytes);
    if (wanted_.load()) {
      wake();
    }
  }
  /// A unit larger than the whole share is let in when nothing else is there.
  bool has_room(size_t bytes) const noexcept {
    const size_t used = used_.load();
    return used + bytes <= limit_ || used == 0;
  }
  size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  size_t limit() const noexcept { return limit_; }

  /// At start-up, once per lane: what to run (on the lane) when somebody waited and there is room.
  void on_room(Lane& lane, std::function<void()> call) {
    waiters_.push_back({&lane, std::move(call)});
  }
  /// Somebody was refused and wants to be woken; they must ask has_room() once more afterwards.
  /// Either that sees what another lane gave back meanwhile, or that lane sees the wish: both hold
  /// because all four operations are in one order (seq_cst).
  void want() noexcept { wanted_.store(true); }
  /// Wakes all lanes if somebody waits (also when disk budget became free).
  void wake() noexcept {
    if (wanted_.exchange(false, std::memory_order_acq_rel)) {
      for (const Waiter& waiter : waiters_) {
        waiter.lane->post(waiter.call);
      }
    }
  }

 private:
  struct Waiter {
    Lane* lane;
    std::function<void()> call;
  };
  const size_t limit_;
  std::atomic<size_t> used_{0};
  std::atomic<bool> wanted_{false};
  std::vector<Waiter> waiters_;  // fixed before the lanes run
};

}  // namespace tailrace::delivery
