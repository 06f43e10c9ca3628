#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "tailrace/grpc.h"
#include "tailrace/http.h"
#include "tailrace/input.h"
#include "tailrace/lane.h"
#include "tailrace/result.h"

#include "net/grpc_transport.h"
#include "net/http_client.h"

namespace tailrace::net {

class GrpcListener;

/// gRPC for the whole process. The module `tailrace_grpc.so`, and with it the library and its
/// threads, is loaded when the first server or channel is asked for; until then it costs nothing.
///
/// Lane:     made and asked on the main thread, before the lanes run.
/// Lifetime: outlives its servers and channels, and goes before the lanes.
class GrpcModule {
 public:
  /// So many threads of gRPC's; one per lane keeps up with them.
  explicit GrpcModule(uint32_t threads);
  ~GrpcModule();
  GrpcModule(const GrpcModule&) = delete;
  GrpcModule& operator=(const GrpcModule&) = delete;

  /// Asked once per lane with the same owner and config: the first one binds, and calls are taken
  /// when the last one has been asked for. Each lane gets the calls of its share of the clients.
  ///
  /// Errors:   as make_http_server; unsupported (the module is not there, or is another version's).
  /// Lifetime: `memory` and `handler` outlive the server.
  Result<std::unique_ptr<HttpServer>> server(Lane& lane, const std::string& owner,
                                             const GrpcServerConfig& config, MemoryAccount& memory,
                                             HttpHandler& handler);
  /// `client` is the lane's, for access tokens.
  Result<std::unique_ptr<Channel>> channel(HttpClient& client, const HttpClientConfig& config,
                                           const GrpcClientConfig& grpc, Metrics& metrics);

 private:
  Status load();

  const uint32_t threads_;
  std::unique_ptr<GrpcTransport> transport_;
  std::map<std::pair<std::string, std::string>, std::weak_ptr<GrpcListener>> listeners_;
};

}  // namespace tailrace::net
