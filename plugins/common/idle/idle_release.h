#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "tailrace/lane.h"

namespace tailrace::common {

/// Tells an output that has had nothing to do for a while to give back the memory that its bodies
/// were built in: it is used again as long as there is work, and an idle agent does without it.
///
/// Costs no timer call per use: the timer runs on, and finds out whether there was one.
/// Lane: the output's. `release` may use the owner, since no callback comes after the destructor.
class IdleRelease {
 public:
  IdleRelease(Lane& lane, std::function<void()> release)
      : release_(std::move(release)), timer_(lane.timer([this] { look(); })) {}

  /// Something was done just now.
  void used() {
    used_ = true;
    if (!runs_) {
      runs_ = true;
      timer_->start(kIdle);
    }
  }

 private:
  static constexpr std::chrono::milliseconds kIdle = std::chrono::seconds(5);

  void look() {
    runs_ = used_;
    if (std::exchange(used_, false)) {
      timer_->start(kIdle);
    } else {
      release_();
    }
  }

  std::function<void()> release_;
  bool runs_ = false;  // the timer
  bool used_ = false;  // since the timer was started
  std::unique_ptr<Timer> timer_;
};

}  // namespace tailrace::common
