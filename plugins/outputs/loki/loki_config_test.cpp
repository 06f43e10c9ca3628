#include "plugins/outputs/loki/loki_config.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "testkit/config_text.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using outputs::loki::LokiConfig;

namespace {
auto read(std::string_view yaml) {
  return testkit::read_config<LokiConfig>(outputs::loki::loki_schema(), yaml);
}
std::string first_error(std::string_view yaml) {
  const auto errors = read(yaml).errors();
  return errors.empty() ? "" : errors[0];
}
}  // namespace

TEST_CASE("loki config: everything, and the defaults") {
  const auto all = read(
      "url: https://logs.example/loki/api/v1/push\n"
      "tenant: team-a\n"
      "tenant_label: namespace\n"
      "labels: {cluster: prod}\n"
      "structured_metadata: false\n"
      "detected_level: false\n"
      "compression: none\n"
      "timeout: 3s\n"
      "basic_auth: {username: u, password: p}\n"
      "headers: {X-Extra: '1'}\n");
  CHECK(all.errors() == std::vector<std::string>{});
  CHECK(all.warnings() == std::vector<std::string>{});
  CHECK(all.config.compression == outputs::loki::BodyCompression::none);
  CHECK(all.config.timeout == std::chrono::seconds(3));
  CHECK(all.config.http.basic_auth->username == "u");
  CHECK(all.config.labels.at("cluster") == "prod");

  const auto least = read("url: http://loki:3100/loki/api/v1/push\n");
  CHECK(least.ok());
  CHECK(least.config.structured_metadata);
  CHECK(least.config.detected_level);
  CHECK(least.config.timeout == std::chrono::seconds(10));
}

TEST_CASE("loki config: complaints have their place") {
  CHECK(first_error("tenant: a\n").find("url") != std::string::npos);
  const std::string url = "url: http://loki/loki/api/v1/push\n";
  for (const std::string& bad :
       {std::string("url: loki:3100\n"), std::string("url: ftp://loki/push\n"),
        url + "tenant: 'a b'\n", url + "tenant: 'a|b'\n", url + "tenant_label: a-b\n",
        url + "labels: {a.b: x}\n", url + "labels: {a: ''}\n", url + "compression: gzip\n",
        url + "timeout: 0s\n", url + "timeout: 5\n", url + "urll: x\n",
        url + "tenant: a\nheaders: {x-scope-orgid: b}\n"}) {
    CAPTURE(bad);
    const std::string error = first_error(bad);
    CHECK(error != "");
  }
  CHECK(first_error(url + "tenant: 'a b'\n").starts_with("2:9 tenant: "));
}

TEST_CASE("loki config: a url without its path is warned of") {
  const auto read_config = read("url: http://loki:3100\n");
  CHECK(read_config.ok());
  REQUIRE(read_config.warnings().size() == 1);
  CHECK(read_config.warnings()[0].find("/loki/api/v1/push") != std::string::npos);
}
