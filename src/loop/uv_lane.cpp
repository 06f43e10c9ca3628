#include "loop/uv_lane.h"

#include <utility>

#include <uv.h>

#include "tailrace/check.h"

namespace tailrace::loop {

namespace {

template <class Handle>
uv_handle_t* as_handle(Handle* handle) {
  return reinterpret_cast<uv_handle_t*>(handle);
}

/// Ends a heap-allocated handle; libuv gives the memory back in the close callback.
template <class Handle>
void close_and_delete(Handle* handle) {
  handle->data = nullptr;
  uv_close(as_handle(handle),
           [](uv_handle_t* closed) { delete reinterpret_cast<Handle*>(closed); });
}

/// Of the handle's loop: timer callbacks that are on the stack.
uint32_t& timers_running(uv_timer_t* handle) {
  return *static_cast<uint32_t*>(handle->loop->data);
}

class UvTimer final : public Timer {
 public:
  UvTimer(uv_loop_t* loop, std::function<void()> on_fire)
      : handle_(new uv_timer_t), on_fire_(std::move(on_fire)) {
    uv_timer_init(loop, handle_);
    handle_->data = this;
  }
  ~UvTimer() override { close_and_delete(handle_); }
  void start(std::chrono::milliseconds after) override {
    uv_update_time(handle_->loop);
    // libuv 1.44 fires a timer of 0 that a timer's callback starts in the same pass, again and
    // again: one that restarts itself so would keep the loop from its descriptors.
    const int64_t least = timers_running(handle_) > 0 ? 1 : 0;
    uv_timer_start(
        handle_,
        [](uv_timer_t* handle) {
          if (auto* self = static_cast<UvTimer*>(handle->data)) {
            // A copy: the callback may destroy the timer.
            const auto call = self->on_fire_;
            uint32_t& running = timers_running(handle);
            ++running;
            call();
            --running;
          }
        },
        static_cast<uint64_t>(std::max<int64_t>(after.count(), least)), 0);
  }
  void stop() override { uv_timer_stop(handle_); }
  bool active() const override { return uv_is_active(as_handle(handle_)) != 0; }

 private:
  uv_timer_t* handle_;
  std::function<void()> on_fire_;
};

class UvFdWatch final : public FdWatch {
 public:
  UvFdWatch(uv_loop_t* loop, int fd, std::function<void(bool, bool)> on_event)
      : handle_(new uv_poll_t),
        on_event_(std::make_shared<std::function<void(bool, bool)>>(std::move(on_event))) {
    TR_CHECK(uv_poll_init(loop, handle_, fd) == 0);
    handle_->data = this;
  }
  ~UvFdWatch() override {
    uv_poll_stop(handle_);
    close_and_delete(handle_);
  }
  void set_events(bool readable, bool writable) override {
    const int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
    if (std::exchange(events_, events) == events) {
      return;  // to begin again would cost libuv two system calls
    }
    if (events == 0) {
      uv_poll_stop(handle_);
      return;
    }
    uv_poll_start(handle_, events, [](uv_poll_t* handle, int status, int happened) {
      if (auto* self = static_cast<UvFdWatch*>(handle->data)) {
        // An error is for whoever reads the descriptor to find.
        const bool failed = status < 0;
        if (failed) {
          self->events_ = 0;  // libuv waits for no more
        }
        const auto call = self->on_event_;  // the callback may destroy the watch
        (*call)(failed || (happened & UV_READABLE) != 0, failed || (happened & UV_WRITABLE) != 0);
      }
    });
  }

 private:
  uv_poll_t* handle_;
  int events_ = 0;
  std::shared_ptr<std::function<void(bool, bool)>> on_event_;
};

}  // namespace

struct UvLane::Handles {
  uv_loop_t loop;
  uv_async_t* wake = new uv_async_t;
  uv_prepare_t* before_poll = new uv_prepare_t;
  uv_check_t* after_poll = new uv_check_t;
  uv_idle_t* dont_block = new uv_idle_t;
  std::vector<std::pair<uv_signal_t*, std::function<void()>>> signals;
  uint32_t work_under_way = 0;
  uint32_t timers_running = 0;
};

UvLane::UvLane(uint32_t id, uint32_t count, const Clock& clock)
    : id_(id), count_(count), clock_(clock), handles_(std::make_unique<Handles>()) {
  uv_loop_t* loop = &handles_->loop;
  TR_CHECK(uv_loop_init(loop) == 0);
  loop->data = &handles_->timers_running;
  uv_async_init(loop, handles_->wake, [](uv_async_t* handle) {
    if (handle->data != nullptr) {
      static_cast<UvLane*>(handle->data)->run_posted();
    }
  });
  uv_prepare_init(loop, handles_->before_poll);
  uv_check_init(loop, handles_->after_poll);
  uv_idle_init(loop, handles_->dont_block);
  handles_->wake->data = this;
  handles_->before_poll->data = this;
  handles_->after_poll->data = this;
  handles_->dont_block->data = this;
  uv_prepare_start(handles_->before_poll, [](uv_prepare_t* handle) {
    if (handle->data != nullptr) {
      static_cast<UvLane*>(handle->data)->run_end_of_turn();
    }
  });
  uv_check_start(handles_->after_poll, [](uv_check_t* handle) {
    if (auto* self = static_cast<UvLane*>(handle->data)) {
      self->turns_.fetch_add(1, std::memory_order_relaxed);
      self->run_end_of_turn();
    }
  });
}

UvLane::~UvLane() {
  std::vector<std::function<void()>> never_run;
  {
    std::lock_guard lock(posted_mutex_);
    closed_ = true;
    never_run.swap(posted_);
  }
  // What these calls own may post or stop timers once more, so it goes while the loop still lives.
  never_run.clear();
  end_of_turn_.clear();
  while (handles_->work_under_way > 0) {
    uv_run(&handles_->loop, UV_RUN_ONCE);
  }
  for (auto& [signal, call] : handles_->signals) {
    close_and_delete(signal);
  }
  close_and_delete(handles_->wake);
  close_and_delete(handles_->before_poll);
  close_and_delete(handles_->after_poll);
  close_and_delete(handles_->dont_block);
  uv_run(&handles_->loop, UV_RUN_DEFAULT);
  TR_CHECK(uv_loop_close(&handles_->loop) == 0);
}

void UvLane::run() {
  while (!stopping_.load(std::memory_order_acquire)) {
    uv_run(&handles_->loop, UV_RUN_ONCE);
  }
  // Work that was handed out still uses what belongs to the lane.
  while (handles_->work_under_way > 0) {
    uv_run(&handles_->loop, UV_RUN_ONCE);
  }
  stopping_ = false;
}

void UvLane::stop() {
  stopping_.store(true, std::memory_order_release);
  std::lock_guard lock(posted_mutex_);
  if (!closed_) {
    uv_async_send(handles_->wake);
  }
}

void UvLane::on_signal(int number, std::function<void()> call) {
  auto* handle = new uv_signal_t;
  uv_signal_init(&handles_->loop, handle);
  handles_->signals.emplace_back(handle, std::move(call));
  handle->data = this;
  uv_signal_start(
      handle,
      [](uv_signal_t* fired, int) {
        if (auto* self = static_cast<UvLane*>(fired->data)) {
          for (auto& [signal, wanted] : self->handles_->signals) {
            if (signal == fired) {
              wanted();
            }
          }
        }
      },
      number);
}

std::unique_ptr<Timer> UvLane::timer(std::function<void()> on_fire) {
  return std::make_unique<UvTimer>(&handles_->loop, std::move(on_fire));
}

std::unique_ptr<FdWatch> UvLane::watch_fd(int fd, std::function<void(bool, bool)> on_event) {
  return std::make_unique<UvFdWatch>(&handles_->loop, fd, std::move(on_event));
}

void UvLane::post(std::function<void()> call) {
  std::lock_guard lock(posted_mutex_);
  if (closed_) {
    return;
  }
  posted_.push_back(std::move(call));
  if (posted_.size() == 1) {
    uv_async_send(handles_->wake);
  }
}

void UvLane::run_posted() {
  std::vector<std::function<void()>> calls;
  {
    std::lock_guard lock(posted_mutex_);
    calls.swap(posted_);
  }
  for (auto& call : calls) {
    call();
    call = nullptr;  // let go of what it owns before the next one runs
  }
}

void UvLane::at_end_of_turn(std::function<void()> call) {
  end_of_turn_.push_back(std::move(call));
}

void UvLane::run_end_of_turn() {
  std::vector<std::function<void()>> calls;
  calls.swap(end_of_turn_);
  for (auto& call : calls) {
    call();
  }
  // Calls that were added meanwhile belong to the next turn, which must then not wait for I/O.
  if (end_of_turn_.empty()) {
    uv_idle_stop(handles_->dont_block);
  } else {
    uv_idle_start(handles_->dont_block, [](uv_idle_t*) {});
  }
}

void UvLane::offload(std::function<void()> work, std::function<void()> done) {
  struct Job {
    uv_work_t request;
    UvLane* lane;
    std::function<void()> work;
    std::function<void()> done;
  };
  auto* job = new Job{{}, this, std::move(work), std::move(done)};
  job->request.data = job;
  ++handles_->work_under_way;
  uv_queue_work(
      &handles_->loop, &job->request,
      [](uv_work_t* request) { static_cast<Job*>(request->data)->work(); },
      [](uv_work_t* request, int) {
        std::unique_ptr<Job> job(static_cast<Job*>(request->data));
        --job->lane->handles_->work_under_way;
        bool closed;
        {
          std::lock_guard lock(job->lane->posted_mutex_);
          closed = job->lane->closed_;
        }
        if (!closed) {
          job->done();
        }
      });
}

}  // namespace tailrace::loop
