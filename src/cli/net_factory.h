#pragma once

#include <map>
#include <memory>

#include "net/grpc_module.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "pipeline/engine.h"

namespace tailrace::cli {

/// Real connections: one HTTP client per lane, shared by all its outputs.
/// Lifetime: outlives the engine, goes before the lanes.
class LaneNetFactory final : public pipeline::NetFactory {
 public:
  explicit LaneNetFactory(uint32_t lanes) : grpc_(lanes) {}
  Result<std::unique_ptr<Channel>> http_channel(Lane& lane, const HttpClientConfig& config,
                                                Metrics& metrics) override {
    return client_of(lane).channel(config, metrics);
  }
  Result<std::unique_ptr<HttpServer>> http_server(Lane& lane, const HttpServerConfig& config,
                                                  HttpHandler& handler, bool share_port) override {
    return net::make_http_server(lane, config, handler, share_port);
  }

  Result<std::unique_ptr<Channel>> grpc_channel(Lane& lane, const HttpClientConfig& config,
                                                const GrpcClientConfig& grpc,
                                                Metrics& metrics) override {
    return grpc_.channel(client_of(lane), config, grpc, metrics);
  }
  Result<std::unique_ptr<HttpServer>> grpc_server(Lane& lane, const std::string& owner,
                                                  const GrpcServerConfig& config,
                                                  MemoryAccount& memory,
                                                  HttpHandler& handler) override {
    return grpc_.server(lane, owner, config, memory, handler);
  }

 private:
  net::HttpClient& client_of(Lane& lane) {
    std::unique_ptr<net::HttpClient>& client = clients_[lane.id()];
    if (client == nullptr) {
      client = std::make_unique<net::HttpClient>(lane);
    }
    return *client;
  }

  std::map<uint32_t, std::unique_ptr<net::HttpClient>> clients_;
  net::GrpcModule grpc_;
};

}  // namespace tailrace::cli
