#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "tailrace/lane.h"

namespace tailrace::loop {

/// A lane on a libuv loop. Made and destroyed on one thread; run() may be called on another one in
/// between. libuv's handles live on the heap and free themselves in their close callbacks.
class UvLane final : public Lane {
 public:
  UvLane(uint32_t id, uint32_t count, const Clock& clock);
  ~UvLane() override;
  UvLane(const UvLane&) = delete;
  UvLane& operator=(const UvLane&) = delete;

  /// Turns the loop until stop(). Returns at the end of a turn.
  void run();
  /// Any thread.
  void stop();
  /// Runs `call` on the lane when the process gets the signal.
  void on_signal(int number, std::function<void()> call);
  /// Turns so far; any thread. A lane that has work but whose count stands still is stuck.
  uint64_t turns() const noexcept { return turns_.load(std::memory_order_relaxed); }

  uint32_t id() const noexcept override { return id_; }
  uint32_t count() const noexcept override { return count_; }
  const Clock& clock() const noexcept override { return clock_; }
  Arena& arena() noexcept override { return arena_; }
  LabelInterner& labels() noexcept override { return labels_; }
  std::unique_ptr<Timer> timer(std::function<void()> on_fire) override;
  std::unique_ptr<FdWatch> watch_fd(int fd, std::function<void(bool, bool)> on_event) override;
  void post(std::function<void()> call) override;
  void at_end_of_turn(std::function<void()> call) override;
  void offload(std::function<void()> work, std::function<void()> done) override;

 private:
  struct Handles;  // keeps <uv.h> out of this header
  void run_posted();
  void run_end_of_turn();

  uint32_t id_;
  uint32_t count_;
  const Clock& clock_;
  Arena arena_;
  LabelInterner labels_;
  std::unique_ptr<Handles> handles_;

  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by posted_mutex_
  bool closed_ = false;                        // guarded by posted_mutex_
  std::vector<std::function<void()>> end_of_turn_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> turns_{0};
};

}  // namespace tailrace::loop
