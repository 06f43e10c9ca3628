#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_set>
#include <vector>

#include "tailrace/http.h"
#include "tailrace/input.h"
#include "tailrace/lane.h"

#include "net/grpc_transport.h"
#include "net/watched_files.h"

namespace tailrace::net {

class GrpcExchange;
class LaneGrpcServer;

/// One gRPC server for all lanes: deals its calls to them by client, so that what comes over one
/// connection stays on one lane.
///
/// Threads: gRPC's threads put calls (and word of those that were refused) into a lane's inbox and
///          do nothing else.
class GrpcListener final : private GrpcServerOwner {
 public:
  /// Binds. `lane` is asked to look after certificate files.
  static Result<std::shared_ptr<GrpcListener>> make(GrpcTransport& transport, Lane& lane,
                                                    const GrpcServerConfig& config,
                                                    MemoryAccount& memory);
  ~GrpcListener();
  GrpcListener(const GrpcListener&) = delete;
  GrpcListener& operator=(const GrpcListener&) = delete;

  /// A lane's share. With the last lane's the server starts to take calls.
  static Result<std::unique_ptr<HttpServer>> attach(std::shared_ptr<GrpcListener> listener,
                                                    Lane& lane, HttpHandler& handler);

 private:
  friend class LaneGrpcServer;
  /// Calls on their way to a lane. Shared with what is posted there, which may outlive us.
  struct Inbox;
  /// Certificates, looked at again on the lane.
  struct Tls;

  GrpcListener(Lane& lane, MemoryAccount& memory);
  Status open(GrpcTransport& transport, const GrpcServerConfig& config);
  /// That of the lane which serves this client.
  const std::shared_ptr<Inbox>& inbox_of(const std::string& peer) const;

  bool reserve(size_t bytes) noexcept override { return memory_.reserve(bytes); }
  void release(size_t bytes) noexcept override { memory_.release(bytes); }
  size_t capacity() const noexcept override { return memory_.capacity(); }
  void on_call(std::unique_ptr<GrpcIncoming> call) override;
  void on_refused(ServerRefusal refusal) override;
  std::shared_ptr<const GrpcServerFiles> files() override;

  Lane& first_lane_;
  MemoryAccount& memory_;
  std::shared_ptr<Tls> tls_;
  std::vector<std::shared_ptr<Inbox>> inboxes_;  // by lane; complete before the server starts
  size_t attached_ = 0;
  std::unique_ptr<GrpcTransportServer> server_;
};

}  // namespace tailrace::net
