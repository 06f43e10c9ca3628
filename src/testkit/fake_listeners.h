#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "tailrace/http.h"
#include "tailrace/lane.h"

namespace tailrace::testkit {

class FakeHttpServer;

/// What a client sees of one request that the test made.
struct FakeAnswer {
  int status = 0;  ///< 0 = no answer yet.
  Headers headers;
  std::string body;
  bool connection_lost = false;  ///< The server went away without answering.
};

/// HTTP servers without sockets: the test hands its requests straight to the handler, in the order
/// in which a real server would call it.
/// Lane: everything on the thread that turns the lanes.
class FakeListeners {
 public:
  /// conflict: the port is taken (by a server that does not share it).
  Result<std::unique_ptr<HttpServer>> listen(Lane& lane, const HttpServerConfig& config,
                                             HttpHandler& handler, bool share_port);

  /// A request with its whole body to the server on this port; where lanes share the port, to that
  /// of `lane`. 0 = the only port there is. With a header `transfer-encoding` it does not say how
  /// large it is. The answer is filled in when it comes; without a server the connection is lost at
  /// once.
  std::shared_ptr<const FakeAnswer> request(uint16_t port, std::string method, std::string path,
                                            Headers headers, std::string_view body,
                                            uint32_t lane = 0);
  std::shared_ptr<const FakeAnswer> post(std::string path, std::string_view body,
                                         Headers headers = {}, uint32_t lane = 0) {
    return request(0, "POST", std::move(path), std::move(headers), body, lane);
  }
  /// Ports that something listens on now.
  size_t size() const noexcept { return servers_->size(); }

 private:
  using Servers = std::map<std::pair<uint16_t, uint32_t>, FakeHttpServer*>;  // (port, lane)
  friend class FakeHttpServer;
  std::shared_ptr<Servers> servers_ = std::make_shared<Servers>();
  uint16_t next_free_port_ = 40000;
};

}  // namespace tailrace::testkit
