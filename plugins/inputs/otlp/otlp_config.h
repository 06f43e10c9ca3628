#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugins/common/receiver/receiver_config.h"

namespace tailrace::inputs::otlp {

/// For clients that run in browsers.
struct CorsConfig {
  StringList allowed_origins;
  StringList allowed_headers;
  Duration max_age = std::chrono::hours(2);
};

struct HttpDoorConfig : common::receiver::ListenConfig {
  HttpDoorConfig() { listen = "0.0.0.0:4318"; }
  std::optional<CorsConfig> cors;
};

/// Where to listen for gRPC.
struct GrpcDoorConfig {
  std::string listen = "0.0.0.0:4317";
  std::optional<TlsServerConfig> tls;
  ByteSize max_message_size{4 << 20};
  uint32_t max_calls = 1024;
  Duration read_timeout = std::chrono::seconds(30);
  std::optional<Duration> idle_timeout;
  Duration keepalive_time = std::chrono::minutes(2);
  Duration keepalive_timeout = std::chrono::seconds(20);
};

struct OtlpInputConfig : common::receiver::BodyConfig {
  OtlpInputConfig() {
    max_body_size.bytes = 20 << 20;           // as the collector
    reply_timeout = std::chrono::seconds(8);  // SDKs wait 10 s
  }
  std::optional<GrpcDoorConfig> grpc;
  std::optional<HttpDoorConfig> http;

  void validate(const ConfigValue& at, ConfigContext& context) const;
  std::vector<ListenAddress> listens() const;
};

const Schema& otlp_input_schema();

}  // namespace tailrace::inputs::otlp
