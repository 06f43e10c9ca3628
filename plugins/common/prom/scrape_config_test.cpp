#include "plugins/common/prom/scrape_config.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/common/prom/scrape_config_test.h"
#include "plugins/common/prom/sd_options.h"
#include "testkit/temp_folder.h"

namespace tailrace::common::prom {
namespace {

using namespace std::chrono_literals;
using Errors = std::vector<std::string>;

auto read_options(const std::string& yaml) {
  return testkit::read_config<ScrapeOptions>(scrape_options_schema(), yaml);
}

/// The one complaint about a job's lines, which begin in line 3.
std::string job_error(const std::string& lines) {
  const auto errors = read_options("scrape_configs:\n- job_name: job\n" + lines).errors();
  return errors.size() == 1 ? errors[0] : std::to_string(errors.size()) + " errors";
}

TEST_CASE("scrape options: everything that Prometheus 3 knows of a job") {
  const auto options = read_options(R"(
global:
  scrape_interval: 30s
  scrape_timeout: 20s
  evaluation_interval: 1m
  rule_query_offset: 5s
  query_log_file: queries.log
  scrape_protocols: [PrometheusText0.0.4]
  external_labels: {zone: eu}
  body_size_limit: 1MB
  sample_limit: 11
  target_limit: 12
  label_limit: 13
  label_name_length_limit: 14
  label_value_length_limit: 15
  keep_dropped_targets: 16
  metric_name_validation_scheme: utf8
  metric_name_escaping_scheme: values
  scrape_native_histograms: true
  convert_classic_histograms_to_nhcb: true
  always_scrape_classic_histograms: true
  extra_scrape_metrics: true
scrape_configs:
- job_name: all
  scrape_interval: 1m30s
  scrape_timeout: 10s
  scrape_protocols: [PrometheusProto, OpenMetricsText1.0.0]
  fallback_scrape_protocol: PrometheusText0.0.4
  scrape_native_histograms: false
  always_scrape_classic_histograms: no
  convert_classic_histograms_to_nhcb: off
  extra_scrape_metrics: False
  metric_name_validation_scheme: legacy
  metric_name_escaping_scheme: underscores
  scrape_failure_log_file: /var/log/scrapes.log
  enable_compression: false
  honor_labels: yes
  honor_timestamps: false
  track_timestamps_staleness: on
  body_size_limit: 10MB
  sample_limit: 1
  target_limit: 2
  label_limit: 3
  label_name_length_limit: 4
  label_value_length_limit: 5
  keep_dropped_targets: 6
  native_histogram_bucket_limit: 7
  native_histogram_min_bucket_factor: 1.1
  scheme: https
  metrics_path: /probe
  params: {module: [http_2xx, other], empty: []}
  basic_auth: {username: u, password: p}
  tls_config: {ca_file: /ca.pem, server_name: s, insecure_skip_verify: true, min_version: TLS11, max_version: TLS13}
  proxy_url: http://proxy:3128
  no_proxy: localhost
  proxy_connect_header: {X-Proxy: [secret]}
  follow_redirects: false
  enable_http2: false
  http_headers: {X-One: {values: [a, b], secrets: [c], files: [/d]}}
  static_configs:
  - targets: [a:1, b:2]
    labels: {env: prod}
  - targets: [c:3]
  file_sd_configs:
  - files: [/t/*.yml]
    refresh_interval: 7m
  http_sd_configs:
  - url: http://sd/targets
    authorization: {credentials: token}
  relabel_configs:
  - {source_labels: [a], target_label: b}
  metric_relabel_configs:
  - {regex: x, action: labeldrop}
- job_name: inherits
  static_configs: [{targets: ['x:1']}]
)");
  REQUIRE(options.errors() == Errors{});
  const GlobalConfig& global = options.config.global;
  CHECK(global.scrape_interval == 30s);
  CHECK(global.external_labels == StringMap{{"zone", "eu"}});

  REQUIRE(options.config.scrape_configs.size() == 2);
  const ScrapeConfig& job = options.config.scrape_configs[0];
  CHECK(job.position.line == 24);
  CHECK(job.scrape_interval == 90s);
  CHECK(job.scrape_timeout == 10s);
  CHECK(job.scrape_protocols ==
        ScrapeProtocols{ScrapeProtocol::proto, ScrapeProtocol::openmetrics_1_0_0});
  CHECK(job.fallback_scrape_protocol == ScrapeProtocol::text_0_0_4);
  CHECK(job.scrape_native_histograms == false);
  CHECK(job.always_scrape_classic_histograms == false);
  CHECK(job.convert_classic_histograms_to_nhcb == false);
  CHECK(job.extra_scrape_metrics == false);
  CHECK(job.metric_name_validation_scheme == NameValidation::legacy);
  CHECK(job.metric_name_escaping_scheme == NameEscaping::underscores);
  CHECK_FALSE(job.enable_compression);
  CHECK(job.honor_labels);
  CHECK_FALSE(job.honor_timestamps);
  CHECK(job.track_timestamps_staleness);
  CHECK(job.body_size_limit.bytes == 10 << 20);
  CHECK(job.sample_limit == 1);
  CHECK(job.target_limit == 2);
  CHECK(job.label_limit == 3);
  CHECK(job.label_name_length_limit == 4);
  CHECK(job.label_value_length_limit == 5);
  CHECK(job.keep_dropped_targets == 6);
  CHECK(job.native_histogram_bucket_limit == 7);
  CHECK(job.native_histogram_min_bucket_factor == doctest::Approx(1.1));
  CHECK(job.scheme == "https");
  CHECK(job.params == StringListMap{{"module", {"http_2xx", "other"}}, {"empty", {}}});
  CHECK(job.http.basic_auth->password.text == "p");
  CHECK(job.http.tls_config.min_version == TlsVersion::tls11);
  CHECK(job.http.tls_config.max_version == TlsVersion::tls13);
  CHECK(job.http.proxy_url == "http://proxy:3128");
  CHECK_FALSE(job.http.proxy_from_environment);
  CHECK(job.http.proxy_connect_header == StringListMap{{"X-Proxy", {"secret"}}});
  CHECK_FALSE(job.http.follow_redirects);
  REQUIRE(job.http.http_headers.size() == 1);
  CHECK(job.http.http_headers[0].second.values == StringList{"a", "b"});
  REQUIRE(job.discoveries.size() == 3);
  CHECK(job.discoveries[0]->kind() == "static");
  CHECK(job.discoveries[0]->known_groups().size() == 2);
  CHECK(static_cast<const FileSdConfig&>(*job.discoveries[1]).refresh_interval == 7min);
  const auto& http_sd = static_cast<const HttpSdConfig&>(*job.discoveries[2]);
  CHECK(http_sd.refresh_interval == 60s);
  CHECK(http_sd.http.authorization->credentials.text == "token");
  CHECK(job.relabel_configs[0].name_validation == NameValidation::legacy);
  CHECK(job.metric_relabel_configs[0].action == RelabelAction::labeldrop);

  const ScrapeConfig& other = options.config.scrape_configs[1];
  CHECK(other.scrape_interval == 30s);
  CHECK(other.scrape_timeout == 20s);
  CHECK(other.scrape_protocols == ScrapeProtocols{ScrapeProtocol::text_0_0_4});
  CHECK(other.scrape_native_histograms == true);
  CHECK(other.extra_scrape_metrics == true);
  CHECK(other.metric_name_escaping_scheme == NameEscaping::values);
  CHECK(other.body_size_limit.bytes == 1 << 20);
  CHECK(other.sample_limit == 11);
  CHECK(other.keep_dropped_targets == 16);
  CHECK(options.config.find_job("inherits") == &other);
  CHECK(options.config.find_job("nobody") == nullptr);
}

TEST_CASE("scrape options: defaults") {
  const ScrapeConfig job = job_of("  static_configs: [{targets: ['x:1']}]\n");
  CHECK(job.scrape_interval == 60s);
  CHECK(job.scrape_timeout == 10s);
  CHECK(job.scrape_protocols ==
        ScrapeProtocols{ScrapeProtocol::openmetrics_1_0_0, ScrapeProtocol::openmetrics_0_0_1,
                        ScrapeProtocol::text_1_0_0, ScrapeProtocol::text_0_0_4});
  CHECK(job.metrics_path == "/metrics");
  CHECK(job.scheme == "http");
  CHECK(job.honor_timestamps);
  CHECK(job.enable_compression);
  CHECK(job.http.follow_redirects);
  CHECK_FALSE(job.http.proxy_from_environment);
  CHECK(job.metric_name_escaping_scheme == NameEscaping::allow_utf8);

  CHECK(job_of("  scrape_interval: 5s\n").scrape_timeout == 5s);  // never longer than the interval
  CHECK(job_of("  scrape_native_histograms: true\n").scrape_protocols.front() ==
        ScrapeProtocol::proto);
  CHECK(job_of("  metric_name_validation_scheme: legacy\n").metric_name_escaping_scheme ==
        NameEscaping::underscores);
  CHECK(job_of("  bearer_token: abc\n").http.authorization->credentials.text == "abc");
  CHECK(job_of("  relabel_configs:\n  static_configs:\n  params:\n").relabel_configs.empty());
}

TEST_CASE("scrape options: discoveries that we do not have are refused by name") {
  CHECK(job_error("  kubernetes_sd_configs:\n  - role: pod\n") ==
        "3:3 scrape_configs[0].kubernetes_sd_configs: is a service discovery that tailrace does "
        "not have yet; there are static_configs, file_sd_configs and http_sd_configs");
  for (const std::string& name : missing_discoveries()) {
    CHECK(job_error("  " + name + ": [{anything: [1, 2]}]\n")
              .starts_with("3:3 scrape_configs[0]." + name + ": is a service discovery"));
  }
  const auto both = read_options(
      "scrape_configs:\n- job_name: a\n  dns_sd_configs: []\n- job_name: b\n"
      "  consul_sd_configs: []\n  scrape_intervall: 5s\n");
  REQUIRE(both.errors().size() == 3);
  CHECK(both.errors()[1].starts_with("5:3 scrape_configs[1].consul_sd_configs"));
  CHECK(both.errors()[2] ==
        "6:3 scrape_configs[1].scrape_intervall: unknown option; did you mean "
        "\"scrape_interval\"?");
}

TEST_CASE("scrape options: what Prometheus refuses is refused where it stands") {
  CHECK(job_error("  scrape_interval: 5s\n  scrape_timeout: 6s\n") ==
        "4:19 scrape_configs[0].scrape_timeout: scrape timeout greater than scrape interval for "
        "scrape config with job name \"job\"");
  CHECK(job_error("  scrape_timeout: 2m\n").find("; the interval is 1m, of global") !=
        std::string::npos);
  CHECK(job_error("  scrape_protocols: []\n") ==
        "3:21 scrape_configs[0].scrape_protocols: scrape_protocols cannot be empty for scrape "
        "config with job name \"job\"");
  CHECK(job_error("  scrape_protocols: [PrometheusProto, PrometheusProto]\n") ==
        "3:39 scrape_configs[0].scrape_protocols[1]: duplicated protocol in scrape_protocols");
  CHECK(job_error("  scrape_protocols: [OpenMetricsText1.0]\n").find("did you mean") !=
        std::string::npos);
  CHECK(job_error("  metric_name_validation_scheme: legacy\n"
                  "  metric_name_escaping_scheme: allow-utf-8\n")
            .starts_with("4:32 scrape_configs[0].metric_name_escaping_scheme: utf8 metric names"));
  CHECK(job_error("  static_configs:\n  - targets: ['http://a:1/metrics']\n") ==
        "4:15 scrape_configs[0].static_configs: \"http://a:1/metrics\" is not a valid hostname; a "
        "target is host:port; scheme and metrics_path are options of the job");
  CHECK(job_error("  basic_auth: {username: u}\n  authorization: {credentials: x}\n") ==
        "2:3 scrape_configs[0]: set only one of basic_auth, authorization, oauth2 and sigv4");
  CHECK(job_error("  bearer_token: x\n  bearer_token_file: y\n")
            .find("at most one of bearer_token & bearer_token_file") != std::string::npos);
  CHECK(job_error("  no_proxy: a\n").find("proxy_url must also be configured") !=
        std::string::npos);
  CHECK(job_error("  proxy_from_environment: true\n  proxy_url: http://a\n")
            .find("proxy_url must not be configured") != std::string::npos);
  CHECK(job_error("  tls_config: {min_version: TLS13, max_version: TLS12}\n")
            .starts_with("3:15 scrape_configs[0].tls_config: tls_config.max_version must be"));
  CHECK(
      job_error("  file_sd_configs: [{files: []}]\n").find("must contain at least one path name") !=
      std::string::npos);
  CHECK(
      job_error("  file_sd_configs: [{files: ['/a/*/b.yml']}]\n") ==
      "3:29 scrape_configs[0].file_sd_configs[0].files: path name \"/a/*/b.yml\" is not valid for "
      "file discovery; it ends in .json, .yml or .yaml, and only its last part may hold a *");
  CHECK(job_error("  http_sd_configs: [{}]\n").find("url: URL is missing") != std::string::npos);
  CHECK(job_error("  http_sd_configs: [{url: 'ftp://x'}]\n").starts_with("3:27 "));
  CHECK(job_error("  body_size_limit: 10XB\n") ==
        "3:20 scrape_configs[0].body_size_limit: expected a size such as 10MB, got \"10XB\"");
  CHECK(job_error("  scrape_interval: 1500us\n").find("expected whole milliseconds") !=
        std::string::npos);
  CHECK(job_error("  relabel_configs: [{action: drop}, {}]\n").find("[1].target_label") !=
        std::string::npos);

  CHECK(read_options("scrape_configs: [{job_name: a}, {job_name: a}]\n").errors() ==
        Errors{"1:44 scrape_configs[1].job_name: found multiple scrape configs with job name "
               "\"a\"; the first is in line 1"});
  CHECK(read_options("scrape_configs: [{job_name: ''}]\n").errors() ==
        Errors{"1:29 scrape_configs[0].job_name: job_name is empty"});
  CHECK(read_options("scrape_configs: [{}]\n").errors() ==
        Errors{"1:18 scrape_configs[0].job_name: is required"});
  CHECK(read_options(
            "global: {scrape_interval: 5s, scrape_timeout: 6s}\nscrape_configs: [{job_name: a}]\n")
            .errors() ==
        Errors{"1:47 global.scrape_timeout: global scrape timeout greater than scrape interval"});
  CHECK(read_options("global: {}\n").errors().size() == 1);
  CHECK(read_options("scrape_configs: []\n").errors().empty());
}

TEST_CASE("scrape options: other sections of a pasted prometheus.yml say where they belong") {
  const auto errors =
      read_options("rule_files: [a]\nremote_write: [{url: x}]\nstorage: {}\nscrape_configs: []\n")
          .errors();
  REQUIRE(errors.size() == 3);
  CHECK(errors[0].starts_with("1:1 rule_files: tailrace evaluates no rules"));
  CHECK(errors[1].ends_with("each of its entries is an output of type prometheus_remote_write"));
  CHECK(errors[2].starts_with("3:1 storage: "));
}

TEST_CASE("scrape options: external labels take variables of the environment") {
  ::setenv("TAILRACE_TEST_ZONE", "eu-1", 1);
  const auto options = read_options(
      "global: {external_labels: {a: '${TAILRACE_TEST_ZONE}', b: 'x-$TAILRACE_TEST_ZONE-y', "
      "c: '$$1', d: '$TAILRACE_TEST_NOBODY'}}\nscrape_configs: [{job_name: a}]\n");
  REQUIRE(options.errors() == Errors{});
  CHECK(options.config.global.external_labels ==
        StringMap{{"a", "eu-1"}, {"b", "x-eu-1-y"}, {"c", "$1"}});
  CHECK(read_options("global: {metric_name_validation_scheme: legacy, external_labels: {a.b: x}}\n"
                     "scrape_configs: [{job_name: a}]\n")
            .errors() == Errors{"1:66 global.external_labels: \"a.b\" is not a valid label name"});
}

TEST_CASE("scrape options: scrape_config_files are read, and say what is wrong in them") {
  const testkit::TempFolder folder;
  std::ofstream(folder.path("one.yml"))
      << "scrape_configs:\n- job_name: of_file\n  file_sd_configs: [{files: [targets.json]}]\n"
         "  authorization: {credentials_file: token}\n";
  const std::string options_text =
      "scrape_config_files: ['" + folder.path("*.yml") + "']\nscrape_configs: [{job_name: main}]\n";
  {
    const auto options = read_options(options_text);
    REQUIRE(options.errors() == Errors{});
    REQUIRE(options.config.scrape_configs.size() == 2);
    const ScrapeConfig& job = options.config.scrape_configs[1];
    CHECK(job.job_name == "of_file");
    CHECK(job.scrape_interval == 60s);
    // Paths are relative to the file that names them.
    CHECK(static_cast<const FileSdConfig&>(*job.discoveries[0]).files ==
          StringList{folder.path("targets.json")});
    CHECK(job.http.authorization->credentials_file == folder.path("token"));
  }
  std::ofstream(folder.path("two.yml")) << "scrape_configs:\n- job_name: main\n";
  std::ofstream(folder.path("x.yml")) << "scrape_configs:\n- job_name: b\n  scrape_timeout: 9h\n";
  const auto errors = read_options(options_text).errors();
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].find("two.yml:2:13 scrape_configs[0].job_name: found multiple scrape configs") !=
        std::string::npos);
  CHECK(errors[1].find("x.yml:3:19 scrape_configs[0].scrape_timeout: scrape timeout greater") !=
        std::string::npos);
  CHECK(errors[0].starts_with("1:22 scrape_config_files: "));
}

}  // namespace
}  // namespace tailrace::common::prom
