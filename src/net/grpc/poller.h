#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include <grpc/grpc.h>

namespace tailrace::net::core {

/// What has to end in time. gRPC's C core has no timers of its own to offer: the pollers look at it
/// once a second, while there is anything to look at.
struct Overdue {
  std::atomic<int> watched{0};
  std::function<void()> sweep;  // any poller's thread, set before they run
};

/// A completion queue and the thread that waits on it: gRPC does its reading and writing there, and
/// tags are told of the ends of their operations.
class Poller {
 public:
  explicit Poller(Overdue& overdue);
  /// Waits until every operation has ended.
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  grpc_completion_queue* queue() const noexcept { return queue_; }

 private:
  void run();

  Overdue& overdue_;
  grpc_completion_queue* queue_;
  std::thread thread_;
};

}  // namespace tailrace::net::core
