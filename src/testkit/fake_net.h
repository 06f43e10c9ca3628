#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tailrace/channel.h"
#include "tailrace/lane.h"

#include "pipeline/engine.h"

namespace tailrace::testkit {

/// A server that the test plays: it sees every call and decides the answer. A fake because a real
/// server does not give a 429, a hang or a reset on demand.
class FakeServer {
 public:
  struct Seen {
    std::string url;
    Headers headers;
    std::string body;
  };
  /// What to answer; null = never (a hang). Replaced by tests at will.
  using Behaviour = std::function<CallResult(const Seen&)>;

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

/// Gives every output a channel to the one FakeServer; listening is refused.
class FakeNet final : public pipeline::NetFactory {
 public:
  explicit FakeNet(FakeServer& server) : server_(server) {}
  Result<std::unique_ptr<Channel>> http_channel(Lane& lane, const HttpClientConfig&,
                                                Metrics&) override {
    return server_.channel(lane);
  }
  Result<std::unique_ptr<HttpServer>> http_server(Lane&, const HttpServerConfig&, HttpHandler&,
                                                  bool) override {
    return fail(ErrorCode::unsupported, "the tests' network has no servers");
  }

 private:
  FakeServer& server_;
};

}  // namespace tailrace::testkit
