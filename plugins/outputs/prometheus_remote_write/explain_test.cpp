#include <string>

#include <doctest/doctest.h>

#include "plugins/outputs/prometheus_remote_write/remote_write_config.h"
#include "testkit/config_text.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using outputs::prometheus_remote_write::remote_write_schema;
using outputs::prometheus_remote_write::RemoteWriteConfig;

namespace {
std::string explain(const std::string& yaml, const std::string& metric,
                    const std::string& target = "") {
  const auto read = testkit::read_config<RemoteWriteConfig>(remote_write_schema(), yaml);
  REQUIRE(read.ok());
  const auto text = read.config.explain_relabel({.job = "", .target = target, .metric = metric});
  return text ? *text : "error: " + text.error().message;
}
constexpr const char* kRules = R"(
url: http://p/api/v1/write
external_labels: {zone: eu}
tenant_label: team
write_relabel_configs:
- source_labels: [job]
  regex: test.*
  action: drop
- regex: pod
  action: labeldrop
)";
}  // namespace

TEST_CASE("remote write explain: external labels, rules, tenant, in this order") {
  CHECK(explain(kRules, R"(up{job="a",pod="p",team="t"})") ==
        R"(sample, with external_labels:
  __name__ = "up"
  job = "a"
  pod = "p"
  team = "t"
  zone = "eu"
relabeling:
  write_relabel_configs[0] (line 6): drop  source_labels: [job]  regex: test.*
      looks at "a": no match
      changes nothing
  write_relabel_configs[1] (line 9): labeldrop  regex: pod
      - pod, was "p"
tenant: t
what is sent:
  __name__ = "up"
  job = "a"
  zone = "eu"
)");
}

TEST_CASE("remote write explain: a sample that is dropped, an output without rules") {
  CHECK(explain(kRules, R"(up{job="tests"})").ends_with("      dropped\nthe sample is not sent\n"));
  CHECK(explain("url: http://p/api/v1/write\ntenant: x", "up") ==
        "sample:\n  __name__ = \"up\"\nthere are no write_relabel_configs\ntenant: x\n"
        "what is sent:\n  __name__ = \"up\"\n");
}

TEST_CASE("remote write explain: questions that cannot be answered") {
  CHECK(explain(kRules, "").starts_with("error: an output relabels samples: name one with"));
  CHECK(explain(kRules, "up", "host:1").starts_with("error: an output relabels samples"));
  CHECK(explain(kRules, "up{").starts_with("error: --metric: "));
}
