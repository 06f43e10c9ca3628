// The module's way in.

#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include <grpc/grpc.h>
#include <grpc/support/log.h>

#include "net/grpc/client.h"
#include "net/grpc/poller.h"
#include "net/grpc/server.h"
#include "net/grpc_transport.h"
#include "version_info.h"

namespace tailrace::net::core {

namespace {

using Log = void (*)(const char* text);
// gRPC's own log goes through a plain function without a context: there is one per process.
std::atomic<Log> the_log{nullptr};

void on_log(gpr_log_func_args* line) {
  if (const Log log = the_log.load()) {
    log(line->message);
  }
}

class Transport final : public GrpcTransport {
 public:
  Transport(uint32_t threads, Log log) {
    the_log = log;
    gpr_set_log_function(on_log);
    gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
    grpc_init();
    overdue_.sweep = [this] { sweep(); };
    for (uint32_t i = 0; i < threads; ++i) {
      pollers_.push_back(std::make_unique<Poller>(overdue_));
    }
  }
  ~Transport() override {
    pollers_.clear();
    grpc_shutdown_blocking();
  }

  Result<std::unique_ptr<GrpcTransportServer>> listen(const GrpcServerConfig& config,
                                                      GrpcServerOwner& owner) override;
  Result<std::unique_ptr<GrpcConnection>> connect(const GrpcTarget& target,
                                                  uint32_t seed) override {
    return Connection::open(target, *pollers_[seed % pollers_.size()]);
  }

 private:
  class ListedServer;
  void sweep() {
    std::lock_guard lock(mutex_);
    for (Server* server : servers_) {
      server->sweep();
    }
  }

  Overdue overdue_;
  std::vector<std::unique_ptr<Poller>> pollers_;
  std::mutex mutex_;
  std::list<Server*> servers_;
};

/// A server that is swept.
class Transport::ListedServer final : public GrpcTransportServer {
 public:
  ListedServer(Transport& transport, std::unique_ptr<Server> server)
      : transport_(transport), server_(std::move(server)) {
    std::lock_guard lock(transport_.mutex_);
    transport_.servers_.push_back(server_.get());
  }
  ~ListedServer() override {
    std::lock_guard lock(transport_.mutex_);
    transport_.servers_.remove(server_.get());
  }
  uint16_t port() const noexcept override { return server_->port(); }
  void start() override { server_->start(); }
  void drain() override { server_->drain(); }

 private:
  Transport& transport_;
  std::unique_ptr<Server> server_;
};

Result<std::unique_ptr<GrpcTransportServer>> Transport::listen(const GrpcServerConfig& config,
                                                               GrpcServerOwner& owner) {
  auto server = std::make_unique<Server>(config, owner, pollers_, overdue_);
  if (const Status listening = server->listen(); !listening) {
    return tl::unexpected<Error>(listening.error());
  }
  return std::unique_ptr<GrpcTransportServer>(
      std::make_unique<ListedServer>(*this, std::move(server)));
}

}  // namespace

}  // namespace tailrace::net::core

extern "C" {
__attribute__((visibility("default"))) extern const char tailrace_grpc_module_version[] =
    TAILRACE_VERSION;

__attribute__((visibility("default"))) tailrace::net::GrpcTransport* tailrace_make_grpc_transport(
    uint32_t threads, void (*log)(const char* text)) {
  return new tailrace::net::core::Transport(threads, log);
}
}
