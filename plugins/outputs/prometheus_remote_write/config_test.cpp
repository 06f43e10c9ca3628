#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/outputs/prometheus_remote_write/output_test.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using outputs::prometheus_remote_write::remote_write_schema;
using outputs::prometheus_remote_write::RemoteWriteConfig;

namespace {
auto read(const std::string& yaml) {
  return testkit::read_config<RemoteWriteConfig>(remote_write_schema(), yaml);
}
}  // namespace

TEST_CASE("remote write config: one entry of Prometheus's remote_write, as it is") {
  const auto all = read(R"(
url: https://mimir.example/api/v1/push
remote_timeout: 10s
name: mimir
headers: {X-Extra: "1"}
protobuf_message: io.prometheus.write.v2.Request
send_exemplars: true
send_native_histograms: true
basic_auth: {username: u, password: p}
tls_config: {insecure_skip_verify: true, min_version: TLS11, max_version: TLS13}
follow_redirects: false
enable_http2: true
proxy_url: http://proxy:3128
no_proxy: 10.0.0.0/8
proxy_connect_header: {X-Proxy: [a]}
http_headers: {X-More: {values: [b, c], secrets: [d]}}
write_relabel_configs:
  - source_labels: [__name__, job]
    regex: "up;.*"
    action: keep
queue_config: {retry_on_http_429: false, max_samples_per_send: 500, sample_age_limit: 0s}
metadata_config: {send: true, send_interval: 2m, max_samples_per_send: 500}
)");
  CHECK(all.errors() == std::vector<std::string>{});
  CHECK(all.warnings() == std::vector<std::string>{});
  CHECK(all.config.write_relabel_configs.size() == 1);
  CHECK(all.config.queue_config.max_samples_per_send == 500U);
  CHECK_FALSE(all.config.queue_config.retry_on_http_429);
  CHECK(all.config.protobuf_message == common::prom::WriteVersion::v2);
  // As in Prometheus, a proxy of the environment is taken only where that is asked for.
  CHECK_FALSE(read("url: http://p/write").config.http.proxy_from_environment);
  const auto asked = read("url: http://p/write\nproxy_from_environment: true\nbearer_token: x");
  CHECK(asked.errors() == std::vector<std::string>{});
  CHECK(asked.config.http.proxy_from_environment);
  CHECK(asked.config.http.authorization.value_or(Authorization()).credentials.text == "x");
}

TEST_CASE("remote write config: what our own queue does differently is said") {
  const auto queue = read(R"(
url: http://p/api/v1/write
queue_config:
  capacity: 10000
  max_shards: 50
  min_backoff: 30ms
)");
  CHECK(queue.errors() == std::vector<std::string>{});
  REQUIRE(queue.warnings().size() == 3);
  CHECK(queue.warnings()[0].find("4:13") != std::string::npos);
  CHECK(queue.warnings()[0].find("buffer") != std::string::npos);
  CHECK(queue.warnings()[1].find("shards") != std::string::npos);
  CHECK(queue.warnings()[2].find("retry") != std::string::npos);
}

TEST_CASE("remote write config: mistakes") {
  const auto error = [](const std::string& yaml) {
    std::string all;
    for (const std::string& one : read("url: http://p/api/v1/write\n" + yaml).errors()) {
      all += one + "\n";
    }
    return all;
  };
  CHECK(error("queue_config: {max_sharts: 1}").find("max_shards") != std::string::npos);
  CHECK(error("headers: {Content-Encoding: gzip}").find("cannot be set here") != std::string::npos);
  CHECK(error("headers: {User-Agent: x}").find("itself") != std::string::npos);
  CHECK(error("headers: {Authorization: x}").find("cannot be set here") != std::string::npos);
  CHECK(error("tenant: a\nheaders: {X-Scope-OrgID: b}").find("twice") != std::string::npos);
  CHECK(error("external_labels: {a: \"\"}").find("empty") != std::string::npos);
  CHECK(error("external_labels: {__name__: x}").find("__name__") != std::string::npos);
  CHECK(error("queue_config: {sample_age_limit: 5m}").find("sample_age_limit") !=
        std::string::npos);
  CHECK(error("protobuf_message: x").find("prometheus.WriteRequest") != std::string::npos);
  CHECK(error("azuread: {}").find("sigv4") != std::string::npos);
  CHECK(error("sigv4: {region: r, role_arn: x}").find("static keys") != std::string::npos);
  CHECK(error("basic_auth: {username: u}\nsigv4: {region: r}") != "");
  CHECK(error("tenant: \"a b\"").find("tenant") != std::string::npos);
  CHECK(error("write_relabel_configs: [{action: nothing}]") != "");
}
