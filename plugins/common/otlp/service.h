#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tailrace/batch.h"

/// The calls of OTLP and their answers.
///
/// Source: OTLP specification, "OTLP/gRPC", "OTLP/HTTP"; wire-facts section 6.
namespace tailrace::common::otlp {

inline constexpr std::string_view kProtobufType = "application/x-protobuf";
inline constexpr std::string_view kJsonType = "application/json";

/// "/v1/traces" and its siblings.
std::string_view http_path(Signal signal) noexcept;
/// "/opentelemetry.proto.collector.trace.v1.TraceService/Export" and its siblings.
std::string_view grpc_method(Signal signal) noexcept;
/// The signal that is sent to this path, or by this gRPC method.
std::optional<Signal> signal_of(std::string_view path_or_method) noexcept;

/// What an Export…ServiceResponse may say beside success.
struct PartialSuccess {
  uint64_t rejected = 0;  ///< Records.
  std::string message;    ///< With rejected == 0: a warning.
  bool empty() const noexcept { return rejected == 0 && message.empty(); }
};
std::string encode_response(const PartialSuccess& partial);
std::string response_json(Signal signal, const PartialSuccess& partial);
/// Nothing when these bytes are no response.
std::optional<PartialSuccess> decode_response(std::string_view body);

/// google.rpc.Status, with the RetryInfo among its details.
struct RpcStatus {
  int code = 0;
  std::string message;
  std::optional<std::chrono::milliseconds> retry_delay = {};
};
std::string encode_status(const RpcStatus& status);
std::string status_json(const RpcStatus& status);
std::optional<RpcStatus> decode_status(std::string_view body);

/// The gRPC code (google.rpc.Code) that says the same as an HTTP status.
/// Source: OTLP specification, "OTLP/HTTP Response"; google/rpc/code.proto.
int rpc_code_of(int http_status) noexcept;

}  // namespace tailrace::common::otlp
