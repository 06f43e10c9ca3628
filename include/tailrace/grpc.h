#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tailrace/clock.h"
#include "tailrace/http.h"

namespace tailrace {

/// gRPC status codes as they go over the wire: in CallResult::status and HttpExchange::reply().
namespace grpc_code {
inline constexpr int kOk = 0;
inline constexpr int kCancelled = 1;
inline constexpr int kUnknown = 2;
inline constexpr int kInvalidArgument = 3;
inline constexpr int kDeadlineExceeded = 4;
inline constexpr int kNotFound = 5;
inline constexpr int kPermissionDenied = 7;
inline constexpr int kResourceExhausted = 8;
inline constexpr int kFailedPrecondition = 9;
inline constexpr int kAborted = 10;
inline constexpr int kOutOfRange = 11;
inline constexpr int kUnimplemented = 12;
inline constexpr int kInternal = 13;
inline constexpr int kUnavailable = 14;
inline constexpr int kDataLoss = 15;
inline constexpr int kUnauthenticated = 16;
}  // namespace grpc_code

/// The trailer that carries a serialized google.rpc.Status: raw bytes here, on either side.
inline constexpr const char* kGrpcStatusDetails = "grpc-status-details-bin";

/// A server of unary gRPC calls. An HttpHandler serves them, as it serves HTTP requests:
/// `on_head` (with HttpRequestHead::is_grpc) is called when the whole message has come, and a
/// welcome one is handed over at once. A message that its sender compressed has the header
/// `content-encoding: gzip`. The server takes off nothing but the framing: one copy.
struct GrpcServerConfig {
  std::string listen;  // as HttpServerConfig::listen
  std::optional<TlsServerConfig> tls;
  /// Full names such as "/pkg.Service/Method"; any other call is answered UNIMPLEMENTED.
  std::vector<std::string> methods;
  size_t max_message_bytes = 4 << 20;  // as it is sent; a larger one gets RESOURCE_EXHAUSTED
  /// Calls that are read or wait for their answer, all lanes together.
  uint32_t max_calls = 1024;
  /// A message that is not whole by then is given up.
  Duration read_timeout = std::chrono::seconds(30);
  /// A connection without calls is closed after it; absent: never.
  std::optional<Duration> idle_timeout;
  /// When nothing has come for so long, the client is asked whether it is there …
  Duration keepalive_time = std::chrono::minutes(2);
  /// … and has so long to answer.
  Duration keepalive_timeout = std::chrono::seconds(20);
};

/// What a gRPC client needs beyond HttpClientConfig (of which `sigv4` and `follow_redirects` mean
/// nothing to it).
struct GrpcClientConfig {
  /// When nothing has come for so long while calls are under way, the server is asked whether it
  /// is there; absent: never.
  std::optional<Duration> keepalive_time;
  Duration keepalive_timeout = std::chrono::seconds(20);
};

}  // namespace tailrace
