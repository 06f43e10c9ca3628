#pragma once

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "loop/uv_lane.h"

namespace tailrace::loop {

/// The agent's lanes, and a thread for each to turn it. They are there, and take posts, before
/// run() and after stop_and_join(): what uses them is made and destroyed while none of them turns.
class LaneThreads {
 public:
  explicit LaneThreads(uint32_t count);

  /// By number. Theirs for as long as this lives.
  std::vector<Lane*> lanes() const;

  /// The threads take no signals: those are the main thread's.
  void run();
  void stop_and_join();

 private:
  std::vector<std::unique_ptr<UvLane>> lanes_;
  std::vector<std::thread> threads_;
};

}  // namespace tailrace::loop
