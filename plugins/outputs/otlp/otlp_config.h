#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tailrace/batch.h"
#include "tailrace/config_schema.h"
#include "tailrace/http.h"

namespace tailrace::outputs::otlp {

/// Also the version of a body's format, which a spooled one keeps: never renumber.
enum class BodyCompression : uint8_t { none = 1, gzip = 2, zstd = 3 };

enum class Protocol : uint8_t { http, grpc };

struct OtlpOutputConfig {
  Protocol protocol = Protocol::http;
  std::string endpoint;
  std::string traces_endpoint;
  std::string logs_endpoint;
  std::string metrics_endpoint;
  BodyCompression compression = BodyCompression::gzip;
  Duration timeout = std::chrono::seconds(10);
  std::optional<Duration> keepalive_time;
  HttpClientConfig http;

  /// Where a signal goes; "" when the config does not say.
  std::string url_of(Signal signal) const;
  void validate(const ConfigValue& at, ConfigContext& context) const;
  /// The signals that have an endpoint.
  std::vector<Signal> carries() const;

 private:
  void validate_grpc(const ConfigValue& at, ConfigContext& context) const;
};

const Schema& otlp_output_schema();

}  // namespace tailrace::outputs::otlp
