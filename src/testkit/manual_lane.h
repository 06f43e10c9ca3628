#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <poll.h>

#include "tailrace/lane.h"

namespace tailrace::testkit {

/// Time that moves only when told.
class ManualClock final : public Clock {
 public:
  int64_t monotonic_ns() const noexcept override { return now_; }
  int64_t wall_ns() const noexcept override { return kStart + now_; }
  void advance(Duration by) noexcept { now_ += by.count(); }

 private:
  static constexpr int64_t kStart = 1'767'322'445'000'000'000;  // 2026-01-02T02:54:05Z
  int64_t now_ = 0;
};

/// A lane without a thread: the test turns it. Time is the ManualClock's; offloaded work runs when
/// the lane is turned; watched descriptors are polled without waiting.
class ManualLane final : public Lane {
 public:
  explicit ManualLane(uint32_t id = 0, uint32_t count = 1) : id_(id), count_(count) {}

  uint32_t id() const noexcept override { return id_; }
  uint32_t count() const noexcept override { return count_; }
  const Clock& clock() const noexcept override { return clock_; }
  Arena& arena() noexcept override { return arena_; }
  LabelInterner& labels() noexcept override { return labels_; }

  std::unique_ptr<Timer> timer(std::function<void()> on_fire) override;
  std::unique_ptr<FdWatch> watch_fd(int fd, std::function<void(bool, bool)> on_event) override;
  void post(std::function<void()> call) override {
    std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(call));
    was_posted_.notify_one();
  }
  void at_end_of_turn(std::function<void()> call) override {
    end_of_turn_.push_back(std::move(call));
  }
  void offload(std::function<void()> work, std::function<void()> done) override {
    work_.emplace_back(std::move(work), std::move(done));
  }

  /// Runs everything that is ready, until nothing is (at most `turns` turns). True if anything ran.
  bool turn(int turns = 100000);
  /// Turns until `done` holds, and waits for what other threads post meanwhile. False when nobody
  /// posted anything for half a minute.
  bool turn_until(const std::function<bool()>& done);
  /// Waits, in real time, until another thread has posted something, at most so long.
  void wait_for_post(std::chrono::milliseconds at_most);
  /// Lets time pass step by step, timer by timer, turning in between.
  void advance(std::chrono::milliseconds by);
  /// As what takes long within a call does: time passes, and no timer fires meanwhile.
  void take_time(std::chrono::milliseconds time) { clock_.advance(time); }

 private:
  struct TimerState {
    int64_t due_ns = 0;
    bool active = false;
    std::function<void()> on_fire;
  };
  struct WatchState {
    int fd;
    bool readable = false;
    bool writable = false;
    bool gone = false;
    std::function<void(bool, bool)> on_event;
  };
  class ManualTimer;
  class ManualWatch;
  bool turn_once();

  uint32_t id_;
  uint32_t count_;
  ManualClock clock_;
  Arena arena_;
  LabelInterner labels_;
  std::mutex posted_mutex_;
  std::condition_variable was_posted_;
  std::deque<std::function<void()>> posted_;
  std::vector<std::function<void()>> end_of_turn_;
  std::deque<std::pair<std::function<void()>, std::function<void()>>> work_;
  std::list<std::shared_ptr<TimerState>> timers_;
  std::list<std::shared_ptr<WatchState>> watches_;
};

}  // namespace tailrace::testkit
