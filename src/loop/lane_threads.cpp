#include "loop/lane_threads.h"

#include <csignal>

#include <fmt/format.h>
#include <pthread.h>

#include "loop/clock.h"

namespace tailrace::loop {

LaneThreads::LaneThreads(uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    lanes_.push_back(std::make_unique<UvLane>(i, count, system_clock()));
  }
}

std::vector<Lane*> LaneThreads::lanes() const {
  std::vector<Lane*> lanes;
  for (const auto& lane : lanes_) {
    lanes.push_back(lane.get());
  }
  return lanes;
}

void LaneThreads::run() {
  for (const auto& lane : lanes_) {
    threads_.emplace_back([&lane = *lane] {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_BLOCK, &all, nullptr);
      pthread_setname_np(pthread_self(), fmt::format("lane-{}", lane.id()).c_str());
      lane.run();
    });
  }
}

void LaneThreads::stop_and_join() {
  for (const auto& lane : lanes_) {
    lane->stop();
  }
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
}

}  // namespace tailrace::loop
