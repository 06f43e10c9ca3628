#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include "net/grpc/core.h"
#include "net/grpc/poller.h"
#include "net/grpc_transport.h"

namespace tailrace::net::core {

class ServerCall;

/// A listening server and the calls that it has under way.
///
/// gRPC hands over a message only as a whole, and does not say beforehand how large it will be. So
/// memory for the largest one is reserved before a call is read, and calls for which there is none
/// wait (in the client's and the kernel's buffers, but for a window of 64 KiB) until another one
/// has been read. As long as nothing is read, nobody waits.
class Server final : public GrpcTransportServer {
 public:
  Server(const GrpcServerConfig& config, GrpcServerOwner& owner,
         const std::vector<std::unique_ptr<Poller>>& pollers, Overdue& overdue);
  ~Server() override;

  Status listen();
  uint16_t port() const noexcept override { return port_; }
  void start() override;
  void drain() override;
  /// Gives up calls whose message has taken too long to come, and what is left of those that were
  /// too large.
  void sweep();

  // For the calls. Any of the pollers' threads; the last two any thread.

  const GrpcServerConfig& config() const noexcept { return config_; }
  grpc_server* raw() const noexcept { return server_; }
  bool serves(std::string_view method) const;
  /// Asks gRPC for the next call, on this queue.
  void expect_call(grpc_completion_queue* queue);
  /// False: there are enough of them.
  bool count_call();
  /// Starts to read the call now, or later, or refuses it.
  void want_message(ServerCall& call);
  /// The reading has ended: with so many bytes, which stay reserved until release(). False: there
  /// is no room for them.
  bool message_ended(ServerCall& call, size_t kept_bytes);
  void hand_over(std::unique_ptr<GrpcIncoming> call) { owner_.on_call(std::move(call)); }
  void tell(ServerRefusal refusal) { owner_.on_refused(std::move(refusal)); }
  void release(size_t bytes) { owner_.release(bytes); }
  /// A message that nobody wanted was read, and leaves holes that the allocator would keep.
  void on_waste();
  /// A call's object has gone.
  void end_call(bool was_counted);

 private:
  static grpc_ssl_certificate_config_reload_status on_handshake(
      void* self, grpc_ssl_server_certificate_config** config);
  grpc_server_credentials* credentials();
  void on_drained(bool ok);
  bool begin_reading(ServerCall& call);

  const GrpcServerConfig config_;
  const std::unordered_set<std::string> methods_;
  GrpcServerOwner& owner_;
  const std::vector<std::unique_ptr<Poller>>& pollers_;
  Overdue& overdue_;
  grpc_resource_quota* quota_;
  grpc_server* server_ = nullptr;
  uint16_t port_ = 0;
  MemberTag<Server, &Server::on_drained> drained_tag_{*this};

  std::mutex files_mutex_;
  std::shared_ptr<const GrpcServerFiles> used_files_;

  std::atomic<int> sweeps_to_trim_{0};

  std::mutex mutex_;
  std::condition_variable ended_;
  bool draining_ = false;
  bool drained_ = false;
  uint32_t calls_ = 0;
  size_t alive_ = 0;  // all ServerCall objects
  std::unordered_set<ServerCall*> reading_;
  std::deque<ServerCall*> waiting_;
};

}  // namespace tailrace::net::core
