#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/metrics_registry.h"
#include "net/grpc_module.h"
#include "testkit/http_calls.h"
#include "testkit/recording_handler.h"
#include "testkit/uv_test_lane.h"

/// What the tests of gRPC share.
namespace tailrace::net {

inline constexpr const char* kEcho = "/test.Echo/Say";

/// Memory with a limit, that notes how much was taken at a time.
class CountedMemory final : public MemoryAccount {
 public:
  explicit CountedMemory(size_t at_most) : limit(at_most) {}
  bool reserve(size_t bytes) noexcept override {
    if (used.fetch_add(bytes) + bytes > limit) {
      used.fetch_sub(bytes);
      return false;
    }
    return true;
  }
  void release(size_t bytes) noexcept override { used.fetch_sub(bytes); }

  std::atomic<size_t> limit;
  std::atomic<size_t> used{0};
};

/// A server on a lane, and clients for it.
struct GrpcPair {
  testkit::UvTestLane lane;
  MetricsRegistry metrics;
  CountedMemory memory{64 << 20};
  testkit::RecordingHandler handler;
  GrpcServerConfig config;
  GrpcModule module{1};
  HttpClient http{lane.lane()};
  std::unique_ptr<HttpServer> server;
  std::unique_ptr<Channel> channel;

  explicit GrpcPair(GrpcServerConfig wanted = {}, const HttpClientConfig& client = {})
      : config(std::move(wanted)) {
    if (config.listen.empty()) {
      config.listen = "127.0.0.1:0";
    }
    config.methods = {kEcho};
    handler.limit = 64 << 20;
    handler.body = [](const auto& exchange, const std::string& body) {
      exchange->reply(grpc_code::kOk, {}, body);
    };
    auto made = listen();
    REQUIRE_MESSAGE(made.has_value(), made.error().message);
    server = std::move(*made);
    channel = connect(client);
  }
  Result<std::unique_ptr<HttpServer>> listen(const std::string& owner = "test") {
    return module.server(lane.lane(), owner, config, memory, handler);
  }
  std::unique_ptr<Channel> connect(const HttpClientConfig& client) {
    auto made = module.channel(http, client, {}, metrics.scope(0, {}));
    REQUIRE_MESSAGE(made.has_value(), made.error().message);
    return std::move(*made);
  }
  Call call(std::string_view body, const char* method = kEcho) const {
    Call call;
    call.method = method;
    call.url = fmt::format("{}://127.0.0.1:{}", config.tls ? "https" : "http", server->port());
    call.body = body;
    call.timeout = std::chrono::seconds(20);
    return call;
  }
  CallResult say(std::string_view body) {
    return testkit::call_and_wait(lane, *channel, call(body));
  }
  /// Starts a call; the answer is there when `transport` or `status` is set and `*ended`.
  std::shared_ptr<std::vector<CallResult>> start(const Call& call) {
    auto results = std::make_shared<std::vector<CallResult>>();
    channel->call(call, [results](CallResult result) { results->push_back(std::move(result)); });
    return results;
  }
};

/// Whether the server could not be reached, or said itself that it goes.
inline bool unavailable(const CallResult& result) {
  return !result.transport || result.status == grpc_code::kUnavailable;
}

}  // namespace tailrace::net
