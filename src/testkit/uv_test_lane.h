#pragma once

#include <chrono>
#include <functional>

#include "loop/clock.h"
#include "loop/uv_lane.h"

namespace tailrace::testkit {

/// A real lane for tests with real sockets, turned by the test until something is so.
class UvTestLane {
 public:
  Lane& lane() noexcept { return lane_; }

  /// Turns the loop until `reached`; false when that takes longer than `at_most`.
  bool run_until(const std::function<bool()>& reached,
                 std::chrono::milliseconds at_most = std::chrono::seconds(20)) {
    bool late = false;
    auto watchdog = lane_.timer([&] {
      late = true;
      lane_.stop();
    });
    watchdog->start(at_most);
    std::unique_ptr<Timer> look;
    look = lane_.timer([&] {
      if (reached()) {
        lane_.stop();
      } else {
        look->start(std::chrono::milliseconds(1));
      }
    });
    look->start(std::chrono::milliseconds(0));
    lane_.run();
    return !late;
  }

  /// How often the loop has turned.
  uint64_t turns() const { return lane_.turns(); }

  /// Lets the loop run for a while, where nothing is to happen.
  void run_for(std::chrono::milliseconds time) {
    auto end = lane_.timer([this] { lane_.stop(); });
    end->start(time);
    lane_.run();
  }

 private:
  loop::UvLane lane_{0, 1, loop::system_clock()};
};

}  // namespace tailrace::testkit
