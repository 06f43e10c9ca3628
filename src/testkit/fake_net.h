#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tailrace/channel.h"
#include "tailrace/lane.h"

#include "pipeline/engine.h"
#include "testkit/fake_listeners.h"

namespace tailrace::testkit {

/// A server that the test plays: it sees every call and decides the answer. A fake because a real
/// server does not give a 429, a hang or a reset on demand.
class FakeServer {
 public:
  struct Seen {
    std::string url;
    Headers headers;
    std::string body;
    int answered = 0;  ///< The status; 0 = not at all, or no connection.
  };
  /// What to answer; nothing = never (a hang). Replaced by tests at will.
  using Behaviour = std::function<std::optional<CallResult>(const Seen&)>;

  static CallResult status(int code, std::string body = {}, Headers headers = {}) {
    CallResult result;
    result.status = code;
    result.body = std::move(body);
    result.headers = std::move(headers);
    return result;
  }
  static CallResult no_connection() {
    CallResult result;
    result.transport = fail(ErrorCode::network, "connection refused");
    return result;
  }

  Behaviour behaviour = [](const Seen&) { return status(204); };
  bool hangs = false;
  std::vector<Seen> seen;
  size_t most_in_flight = 0;

  std::unique_ptr<Channel> channel(Lane& lane);

 private:
  class FakeChannel;
  size_t in_flight_ = 0;
};

/// A network of the test's making: every channel leads to the one FakeServer, and the test is the
/// client of every HTTP server.
class FakeNet final : public pipeline::NetFactory {
 public:
  explicit FakeNet(FakeServer& server) : server_(server) {}
  Result<std::unique_ptr<Channel>> http_channel(Lane& lane, const HttpClientConfig&,
                                                Metrics&) override {
    return server_.channel(lane);
  }
  Result<std::unique_ptr<HttpServer>> http_server(Lane& lane, const HttpServerConfig& config,
                                                  HttpHandler& handler, bool share_port) override {
    return listeners_.listen(lane, config, handler, share_port);
  }
  Result<std::unique_ptr<Channel>> grpc_channel(Lane& lane, const HttpClientConfig&,
                                                const GrpcClientConfig&, Metrics&) override {
    return server_.channel(lane);
  }
  /// For requests to what the agent listens on.
  FakeListeners& listeners() noexcept { return listeners_; }

 private:
  FakeServer& server_;
  FakeListeners listeners_;
};

}  // namespace tailrace::testkit
