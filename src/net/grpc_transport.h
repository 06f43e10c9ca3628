#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tailrace/channel.h"
#include "tailrace/grpc.h"
#include "tailrace/http.h"
#include "tailrace/result.h"

/// What net asks of gRPC, without gRPC: the border between the agent and the module that is loaded
/// when something speaks gRPC (docs/adr/0004). Built together with it, by the same compiler.
namespace tailrace::net {

/// A server's certificate files, as PEM texts.
struct GrpcServerFiles {
  std::string certificate;
  std::string key;
  std::string client_ca;  // "" = clients need no certificate
};

/// A client's call whose message has come. Destroyed without an answer, it is answered UNAVAILABLE.
/// Any thread, one at a time.
class GrpcIncoming {
 public:
  virtual ~GrpcIncoming() = default;
  /// To be moved from, once.
  virtual HttpRequestHead& head() noexcept = 0;
  virtual size_t message_size() const noexcept = 0;
  /// Copies the message and lets go of it; once.
  virtual void take_message(char* to) = 0;
  /// As HttpExchange::reply; once.
  virtual void reply(int code, Headers trailers, std::string body) = 0;
};

/// Whose server it is. Called on the transport's threads, by several at a time.
class GrpcServerOwner {
 public:
  /// Memory for messages that are read. What was reserved is given back with `release`.
  virtual bool reserve(size_t bytes) noexcept = 0;
  virtual void release(size_t bytes) noexcept = 0;
  /// All that there is of it.
  virtual size_t capacity() const noexcept = 0;
  virtual void on_call(std::unique_ptr<GrpcIncoming> call) = 0;
  /// A call that on_call does not see.
  virtual void on_refused(ServerRefusal refusal) = 0;
  /// The certificate for the next handshake; only with TLS.
  virtual std::shared_ptr<const GrpcServerFiles> files() = 0;

 protected:
  ~GrpcServerOwner() = default;
};

/// Destroyed, it ends all connections; all calls have been destroyed before.
class GrpcTransportServer {
 public:
  virtual ~GrpcTransportServer() = default;
  virtual uint16_t port() const noexcept = 0;
  /// Takes calls; before it, connections wait.
  virtual void start() = 0;
  /// No new connections and no new calls; those under way are answered. Clients are told to go.
  virtual void drain() = 0;
};

/// Where a client connects to, and how.
struct GrpcTarget {
  std::string host;  // a name, or an address (IPv6 without brackets)
  uint16_t port = 0;
  bool tls = false;
  std::string ca;  // PEM; "" = the system's
  std::string certificate;
  std::string key;
  std::string server_name;  // "" = the host
  bool skip_verify = false;
  std::string proxy_url;  // "" = from the environment
  std::string user_agent;
  GrpcClientConfig options;
};

struct GrpcOutgoing {
  std::string method;
  Headers metadata;       // names in lower case
  std::string_view body;  // copied
  bool is_gzip = false;   // the body is compressed already
  std::chrono::milliseconds timeout{0};
};

/// How a call ended: the server's answer, or why there is none.
struct GrpcOutcome {
  bool from_server = false;
  int code = 0;
  std::string message;
  Headers headers;  // with trailers
  std::string body;
};

/// A client's call under way.
class GrpcCallHandle {
 public:
  virtual ~GrpcCallHandle() = default;
  /// It ends soon; its `done` runs all the same. Any thread.
  virtual void cancel() = 0;
};

/// The way to one server. Calls may outlive it.
class GrpcConnection {
 public:
  virtual ~GrpcConnection() = default;
  /// `done` runs once, on a thread of the transport's.
  virtual std::shared_ptr<GrpcCallHandle> call(GrpcOutgoing call,
                                               std::function<void(GrpcOutcome)> done) = 0;
};

/// gRPC's threads and queues. All servers and connections have gone before it; it waits for the
/// calls of clients that were cancelled.
class GrpcTransport {
 public:
  virtual ~GrpcTransport() = default;
  /// `config.listen` is a numeric or resolvable address that was found free. Takes no calls before
  /// start().
  virtual Result<std::unique_ptr<GrpcTransportServer>> listen(const GrpcServerConfig& config,
                                                              GrpcServerOwner& owner) = 0;
  /// `seed` spreads connections over the threads.
  virtual Result<std::unique_ptr<GrpcConnection>> connect(const GrpcTarget& target,
                                                          uint32_t seed) = 0;
};

/// The module's only symbol of interest. `threads` serve all servers and clients; `log` takes what
/// gRPC has to say, for people.
using MakeGrpcTransport = GrpcTransport*(uint32_t threads, void (*log)(const char* text));
inline constexpr const char* kMakeGrpcTransport = "tailrace_make_grpc_transport";
/// A `const char[]` beside it: the version that it was built as.
inline constexpr const char* kGrpcModuleVersion = "tailrace_grpc_module_version";

}  // namespace tailrace::net
