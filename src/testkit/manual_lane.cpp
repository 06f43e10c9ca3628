#include "testkit/manual_lane.h"

#include <algorithm>

namespace tailrace::testkit {

class ManualLane::ManualTimer final : public Timer {
 public:
  ManualTimer(ManualLane& lane, std::shared_ptr<TimerState> state)
      : lane_(lane), state_(std::move(state)) {}
  ~ManualTimer() override {
    state_->active = false;
    lane_.timers_.remove(state_);
  }
  void start(std::chrono::milliseconds after) override {
    state_->due_ns = lane_.clock_.monotonic_ns() + Duration(after).count();
    state_->active = true;
  }
  void stop() override { state_->active = false; }
  bool active() const override { return state_->active; }

 private:
  ManualLane& lane_;
  std::shared_ptr<TimerState> state_;
};

class ManualLane::ManualWatch final : public FdWatch {
 public:
  ManualWatch(ManualLane& lane, std::shared_ptr<WatchState> state)
      : lane_(lane), state_(std::move(state)) {}
  ~ManualWatch() override {
    state_->gone = true;
    lane_.watches_.remove(state_);
  }
  void set_events(bool readable, bool writable) override {
    state_->readable = readable;
    state_->writable = writable;
  }

 private:
  ManualLane& lane_;
  std::shared_ptr<WatchState> state_;
};

std::unique_ptr<Timer> ManualLane::timer(std::function<void()> on_fire) {
  auto state = std::make_shared<TimerState>();
  state->on_fire = std::move(on_fire);
  timers_.push_back(state);
  return std::make_unique<ManualTimer>(*this, std::move(state));
}

std::unique_ptr<FdWatch> ManualLane::watch_fd(int fd, std::function<void(bool, bool)> on_event) {
  auto state = std::make_shared<WatchState>();
  state->fd = fd;
  state->on_event = std::move(on_event);
  watches_.push_back(state);
  return std::make_unique<ManualWatch>(*this, std::move(state));
}

bool ManualLane::turn_once() {
  bool ran = false;
  // Timers that are due, in order.
  for (;;) {
    std::shared_ptr<TimerState> next;
    for (const auto& timer : timers_) {
      if (timer->active && timer->due_ns <= clock_.monotonic_ns() &&
          (next == nullptr || timer->due_ns < next->due_ns)) {
        next = timer;
      }
    }
    if (next == nullptr) {
      break;
    }
    next->active = false;
    const auto call = next->on_fire;
    call();
    ran = true;
    if (next->active && next->due_ns <= clock_.monotonic_ns()) {
      break;  // a timer that restarts itself at 0 waits for the next turn
    }
  }
  const std::vector<std::shared_ptr<WatchState>> watches(watches_.begin(), watches_.end());
  for (const auto& watch : watches) {
    if (watch->gone || (!watch->readable && !watch->writable)) {
      continue;
    }
    pollfd ask{watch->fd, 0, 0};
    ask.events =
        static_cast<short>((watch->readable ? POLLIN : 0) | (watch->writable ? POLLOUT : 0));
    if (poll(&ask, 1, 0) > 0) {
      watch->on_event((ask.revents & (POLLIN | POLLHUP | POLLERR)) != 0,
                      (ask.revents & (POLLOUT | POLLERR)) != 0);
      ran = true;
    }
  }
  auto work = std::exchange(work_, {});
  for (auto& [job, done] : work) {
    job();
    done();
    ran = true;
  }
  std::deque<std::function<void()>> posted;
  {
    std::lock_guard lock(posted_mutex_);
    posted.swap(posted_);
  }
  for (auto& call : posted) {
    call();
    ran = true;
  }
  auto calls = std::exchange(end_of_turn_, {});
  for (auto& call : calls) {
    call();
    ran = true;
  }
  return ran;
}

bool ManualLane::turn(int turns) {
  bool ran = false;
  while (turns-- > 0 && turn_once()) {
    ran = true;
  }
  return ran;
}

bool ManualLane::turn_until(const std::function<bool()>& done) {
  for (;;) {
    turn();
    if (done()) {
      return true;
    }
    std::unique_lock lock(posted_mutex_);
    if (!was_posted_.wait_for(lock, std::chrono::seconds(30),
                              [this] { return !posted_.empty(); })) {
      return false;
    }
  }
}

void ManualLane::wait_for_post(std::chrono::milliseconds at_most) {
  std::unique_lock lock(posted_mutex_);
  was_posted_.wait_for(lock, at_most, [this] { return !posted_.empty(); });
}

void ManualLane::advance(std::chrono::milliseconds by) {
  const int64_t end = clock_.monotonic_ns() + Duration(by).count();
  turn();
  for (;;) {
    int64_t next = end;
    for (const auto& timer : timers_) {
      if (timer->active) {
        next = std::min(next, std::max(timer->due_ns, clock_.monotonic_ns()));
      }
    }
    clock_.advance(Duration(next - clock_.monotonic_ns()));
    turn();
    if (clock_.monotonic_ns() >= end) {
      return;
    }
  }
}

}  // namespace tailrace::testkit
