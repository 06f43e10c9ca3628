#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tailrace/config_schema.h"
#include "tailrace/http.h"
#include "tailrace/plugin.h"

#include "plugins/common/prom/discovery.h"
#include "plugins/common/prom/prom_codecs.h"
#include "plugins/common/prom/relabel.h"

/// The `global` and `scrape_configs` of Prometheus 3, accepted as they are.
///
/// Source: Prometheus docs/configuration; config/config.go (v3). Defaults are Prometheus's own.
namespace tailrace::common::prom {

/// metric_name_escaping_scheme: what is asked for names that are not `[a-zA-Z_:][a-zA-Z0-9_:]*`.
enum class NameEscaping : uint8_t { allow_utf8, underscores, dots, values };
/// "allow-utf-8" …, as the Accept header spells it.
std::string_view to_string(NameEscaping scheme) noexcept;

/// One entry of scrape_configs. After the options were read all of it is resolved: what an entry
/// leaves open is taken from `global`.
struct ScrapeConfig {
  std::string job_name;
  ConfigPosition position;

  Duration scrape_interval{};        ///< > 0
  Duration scrape_timeout{};         ///< > 0, <= scrape_interval
  ScrapeProtocols scrape_protocols;  ///< The most wanted first; not empty.
  std::optional<ScrapeProtocol> fallback_scrape_protocol;
  std::optional<bool> scrape_native_histograms;
  std::optional<bool> always_scrape_classic_histograms;
  std::optional<bool> convert_classic_histograms_to_nhcb;
  std::optional<bool> extra_scrape_metrics;
  std::optional<NameValidation> metric_name_validation_scheme;
  std::optional<NameEscaping> metric_name_escaping_scheme;
  std::string scrape_failure_log_file;

  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  bool enable_compression = true;

  // 0 = no limit
  PromSize body_size_limit;  ///< After decompression.
  uint64_t sample_limit = 0;
  uint64_t target_limit = 0;
  uint64_t label_limit = 0;
  uint64_t label_name_length_limit = 0;
  uint64_t label_value_length_limit = 0;
  uint64_t keep_dropped_targets = 0;
  uint64_t native_histogram_bucket_limit = 0;
  double native_histogram_min_bucket_factor = 0;

  std::string scheme = "http";
  std::string metrics_path = "/metrics";
  StringListMap params;
  HttpClientConfig http = prometheus_http_client();

  RelabelRules relabel_configs;
  RelabelRules metric_relabel_configs;
  /// One for each entry of every `*_sd_configs`, and one for all of static_configs.
  std::vector<std::shared_ptr<const DiscoveryConfig>> discoveries;
};

/// The `global` section: only what is of use to an agent is kept.
struct GlobalConfig {
  Duration scrape_interval{};  ///< As a job's: resolved after reading.
  Duration scrape_timeout{};
  ScrapeProtocols scrape_protocols;
  bool scrape_native_histograms = false;
  bool always_scrape_classic_histograms = false;
  bool convert_classic_histograms_to_nhcb = false;
  bool extra_scrape_metrics = false;
  NameValidation metric_name_validation_scheme = NameValidation::utf8;
  std::optional<NameEscaping> metric_name_escaping_scheme;
  std::string scrape_failure_log_file;
  PromSize body_size_limit;
  uint64_t sample_limit = 0;
  uint64_t target_limit = 0;
  uint64_t label_limit = 0;
  uint64_t label_name_length_limit = 0;
  uint64_t label_value_length_limit = 0;
  uint64_t keep_dropped_targets = 0;
  /// Sorted; `${VAR}` and `$VAR` filled in from the environment. Prometheus's remote write adds
  /// them to every series that has no such label, after metric_relabel_configs and before
  /// write_relabel_configs; an input that feeds one must do the same.
  StringMap external_labels;
};

/// All options of the input `prometheus_scrape`.
struct ScrapeOptions {
  GlobalConfig global;
  /// Those of scrape_config_files stand behind the others.
  std::vector<ScrapeConfig> scrape_configs;
  StringList scrape_config_files;

  const ScrapeConfig* find_job(std::string_view name) const noexcept;
  /// For `tailrace relabel`.
  Result<std::string> explain_relabel(const RelabelQuestion& question) const;
};
/// Reading it resolves everything (see ScrapeConfig), and checks what Prometheus checks.
const Schema& scrape_options_schema();

}  // namespace tailrace::common::prom
