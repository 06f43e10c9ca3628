#pragma once

#include <map>
#include <memory>

#include "net/http_client.h"
#include "net/http_server.h"
#include "pipeline/engine.h"

namespace tailrace::cli {

/// Real connections: one HTTP client per lane, shared by all its outputs.
/// Lifetime: outlives the engine, goes before the lanes.
class LaneNetFactory final : public pipeline::NetFactory {
 public:
  Result<std::unique_ptr<Channel>> http_channel(Lane& lane, const HttpClientConfig& config,
                                                Metrics& metrics) override {
    std::unique_ptr<net::HttpClient>& client = clients_[lane.id()];
    if (client == nullptr) {
      client = std::make_unique<net::HttpClient>(lane);
    }
    return client->channel(config, metrics);
  }
  Result<std::unique_ptr<HttpServer>> http_server(Lane& lane, const HttpServerConfig& config,
                                                  HttpHandler& handler, bool share_port) override {
    return net::make_http_server(lane, config, handler, share_port);
  }

 private:
  std::map<uint32_t, std::unique_ptr<net::HttpClient>> clients_;
};

}  // namespace tailrace::cli
