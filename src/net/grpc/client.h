#pragma once

#include <memory>

#include "net/grpc/core.h"
#include "net/grpc/poller.h"
#include "net/grpc_transport.h"

namespace tailrace::net::core {

/// A channel of gRPC's. Not copied; calls hold what they need of it.
class Connection final : public GrpcConnection {
 public:
  static Result<std::unique_ptr<GrpcConnection>> open(const GrpcTarget& target,
                                                      const Poller& poller);
  Connection(grpc_channel* channel, const Poller& poller) : channel_(channel), poller_(poller) {}
  ~Connection() override { grpc_channel_destroy(channel_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  std::shared_ptr<GrpcCallHandle> call(GrpcOutgoing call,
                                       std::function<void(GrpcOutcome)> done) override;

 private:
  grpc_channel* channel_;
  const Poller& poller_;
};

}  // namespace tailrace::net::core
