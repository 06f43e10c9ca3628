#pragma once

#include <chrono>
#include <string>

#include "tailrace/config_schema.h"
#include "tailrace/http.h"

namespace tailrace::outputs::loki {

enum class BodyCompression : uint8_t {
  snappy,
  none,  ///< Snappy made of literals only: Loki takes nothing but snappy.
};

struct LokiConfig {
  std::string url;
  std::string tenant;
  std::string tenant_label;
  StringMap labels;
  bool structured_metadata = true;
  bool detected_level = true;
  BodyCompression compression = BodyCompression::snappy;
  Duration timeout = std::chrono::seconds(10);
  HttpClientConfig http;

  void validate(const ConfigValue& at, ConfigContext& context) const;
};

const Schema& loki_schema();

}  // namespace tailrace::outputs::loki
