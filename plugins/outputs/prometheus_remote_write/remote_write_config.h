#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "tailrace/config_schema.h"
#include "tailrace/http.h"
#include "tailrace/plugin.h"

#include "plugins/common/prom/relabel.h"
#include "plugins/common/prom/remote_write.h"

namespace tailrace::outputs::prometheus_remote_write {

/// Prometheus's queue_config. What our own queue does in its own way is read and explained.
struct QueueConfig {
  std::optional<uint64_t> capacity;
  std::optional<uint64_t> max_shards;
  std::optional<uint64_t> min_shards;
  std::optional<uint32_t> max_samples_per_send;
  std::optional<Duration> batch_send_deadline;
  std::optional<Duration> min_backoff;
  std::optional<Duration> max_backoff;
  bool retry_on_http_429 = true;
  std::optional<Duration> sample_age_limit;
};

struct MetadataConfig {
  bool send = true;
  Duration send_interval = std::chrono::minutes(1);
  uint32_t max_samples_per_send = 2000;
};

/// One entry of Prometheus's remote_write, and what is common to our outputs.
struct RemoteWriteConfig {
  std::string url;
  common::prom::WriteVersion protobuf_message = common::prom::WriteVersion::v1;
  Duration remote_timeout = std::chrono::seconds(30);
  std::string name;
  StringMap external_labels;
  common::prom::RelabelRules write_relabel_configs;
  std::string tenant;
  std::string tenant_label;
  bool send_exemplars = false;
  bool send_native_histograms = false;
  bool round_robin_dns = false;
  QueueConfig queue_config;
  MetadataConfig metadata_config;
  HttpClientConfig http = prometheus_http_client();

  void validate(const ConfigValue& at, ConfigContext& context) const;
  /// For `tailrace relabel`.
  Result<std::string> explain_relabel(const RelabelQuestion& question) const;
};

const Schema& remote_write_schema();

}  // namespace tailrace::outputs::prometheus_remote_write
