#include "net/grpc/poller.h"

#include <csignal>

#include <pthread.h>

#include "net/grpc/core.h"

namespace tailrace::net::core {

Poller::Poller(Overdue& overdue)
    : overdue_(overdue), queue_(grpc_completion_queue_create_for_next(nullptr)) {
  // Signals are the main thread's; gRPC's own threads inherit this from ours.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "grpc");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Poller::~Poller() {
  grpc_completion_queue_shutdown(queue_);
  thread_.join();
  grpc_completion_queue_destroy(queue_);
}

void Poller::run() {
  const gpr_timespec second = gpr_time_from_seconds(1, GPR_TIMESPAN);
  gpr_timespec last_sweep = gpr_now(GPR_CLOCK_MONOTONIC);
  while (true) {
    const bool watches = overdue_.watched.load(std::memory_order_relaxed) > 0;
    const gpr_timespec until =
        watches ? gpr_time_add(last_sweep, second) : gpr_inf_future(GPR_CLOCK_MONOTONIC);
    const grpc_event event = grpc_completion_queue_next(queue_, until, nullptr);
    if (event.type == GRPC_QUEUE_SHUTDOWN) {
      return;
    }
    if (event.type == GRPC_OP_COMPLETE) {
      static_cast<Tag*>(event.tag)->on_event(event.success != 0);
    }
    const gpr_timespec now = gpr_now(GPR_CLOCK_MONOTONIC);
    if (gpr_time_cmp(gpr_time_sub(now, last_sweep), second) >= 0) {
      last_sweep = now;
      overdue_.sweep();
    }
  }
}

}  // namespace tailrace::net::core
