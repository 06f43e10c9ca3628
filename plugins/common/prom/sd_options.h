#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/config_schema.h"
#include "tailrace/http.h"

#include "plugins/common/prom/discovery.h"

/// The options of the discoveries that we have.
namespace tailrace::common::prom {

/// One entry of static_configs.
struct StaticGroup {
  StringList targets;
  StringMap labels;
};

/// All of a job's static_configs.
class StaticSdConfig final : public DiscoveryConfig {
 public:
  std::string_view kind() const noexcept override { return "static"; }
  Result<std::unique_ptr<Discovery>> make(DiscoveryContext& context) const override;
  std::vector<TargetGroup> known_groups() const override;

  std::vector<StaticGroup> groups;
};
const Schema& static_group_schema();

/// One entry of file_sd_configs.
class FileSdConfig final : public DiscoveryConfig {
 public:
  std::string_view kind() const noexcept override { return "file"; }
  Result<std::unique_ptr<Discovery>> make(DiscoveryContext& context) const override;
  std::vector<TargetGroup> known_groups() const override;

  StringList files;  ///< Paths; the last part may be a pattern with `*`.
  Duration refresh_interval = std::chrono::minutes(5);
};
const Schema& file_sd_schema();

/// One entry of http_sd_configs.
class HttpSdConfig final : public DiscoveryConfig {
 public:
  std::string_view kind() const noexcept override { return "http"; }
  Result<std::unique_ptr<Discovery>> make(DiscoveryContext& context) const override;

  std::string url;
  Duration refresh_interval = std::chrono::seconds(60);
  HttpClientConfig http = prometheus_http_client();
};
const Schema& http_sd_schema();

/// The names of all `*_sd_configs` that Prometheus has and we do not.
const std::vector<std::string>& missing_discoveries();

}  // namespace tailrace::common::prom
