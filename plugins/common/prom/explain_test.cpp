#include "plugins/common/prom/explain.h"

#include <string>

#include <doctest/doctest.h>

#include "plugins/common/prom/scrape_config.h"
#include "testkit/config_text.h"

namespace tailrace::common::prom {
namespace {

TEST_CASE("explain: labels as people write them") {
  const auto read = [](std::string_view text) { return parse_label_list(text, "__address__"); };
  CHECK(*read("host:9100") == LabelPairs{{"__address__", "host:9100"}});
  CHECK(*read(R"(host:9100, a = "x,\"y", b=z )") ==
        LabelPairs{{"__address__", "host:9100"}, {"a", "x,\"y"}, {"b", "z"}});
  CHECK(*read(R"({__address__="h"})") == LabelPairs{{"__address__", "h"}});
  CHECK(read("a=1,b").error().message == "expected name=value, got \"b\"");
  CHECK(read("a=\"x").error().message == "a quoted value has no end");
  CHECK(read("a=\"x\"y").error().message == "expected a comma before \"y\"");
  CHECK(*parse_metric(R"(up{job="x"})") == LabelPairs{{"job", "x"}, {"__name__", "up"}});
  CHECK(*parse_metric("up") == LabelPairs{{"__name__", "up"}});
  CHECK(*parse_metric(R"({"my.metric",a="b"})") ==
        LabelPairs{{"__name__", "my.metric"}, {"a", "b"}});
  CHECK_FALSE(parse_metric("up{job=\"x\""));
}

ScrapeOptions options() {
  auto read = testkit::read_config<ScrapeOptions>(scrape_options_schema(), R"(
global: {external_labels: {zone: eu}}
scrape_configs:
- job_name: node
  relabel_configs:
  - source_labels: [__meta_env]
    regex: prod
    action: keep
  - source_labels: [__address__]
    regex: '([^:]+):.*'
    target_label: instance
  metric_relabel_configs:
  - source_labels: [__name__]
    regex: go_.*
    action: drop
  - regex: exported_job
    action: labeldrop
- job_name: other
)");
  REQUIRE(read.ok());
  return read.config;
}

TEST_CASE("explain: a target, rule by rule") {
  const auto text = options().explain_relabel(
      {.job = "node", .target = "host:9100,__meta_env=prod", .metric = ""});
  REQUIRE(text);
  CHECK(text->starts_with("job node\ndiscovered labels:\n  __address__ = \"host:9100\"\n"));
  CHECK(text->find("  relabel_configs[0] (line 6): keep  source_labels: [__meta_env]  regex: prod\n"
                   "      looks at \"prod\": match\n      changes nothing\n") != std::string::npos);
  CHECK(text->find("      looks at \"host:9100\": match\n      + instance = \"host\"\n") !=
        std::string::npos);
  CHECK(
      text->ends_with("the target is scraped at http://host:9100/metrics\n"
                      "  every 1m, for at most 10s\n"
                      "target labels:\n  instance = \"host\"\n  job = \"node\"\n"));
}

TEST_CASE("explain: a dropped target, a sample of a target, a dropped sample") {
  const ScrapeOptions all = options();
  const auto dropped =
      all.explain_relabel({.job = "node", .target = "host:9100,__meta_env=test", .metric = "up"});
  CHECK(
      dropped->ends_with("      looks at \"test\": no match\n      dropped\n"
                         "the target is dropped\n"));
  const auto sample = all.explain_relabel(
      {.job = "node", .target = "h:1,__meta_env=prod", .metric = "x{job=\"a\"}"});
  CHECK(
      sample->find("sample with the target's labels:\n  __name__ = \"x\"\n  exported_job = \"a\"\n"
                   "  instance = \"h\"\n  job = \"node\"\n") != std::string::npos);
  CHECK(sample->find("      - exported_job, was \"a\"\n") != std::string::npos);
  CHECK(
      sample->ends_with("series, with external_labels:\n  __name__ = \"x\"\n  instance = \"h\"\n"
                        "  job = \"node\"\n  zone = \"eu\"\n"));
  CHECK(all.explain_relabel({.job = "node", .target = "", .metric = "go_x"})
            ->ends_with("the sample is dropped\n"));
}

TEST_CASE("explain: a sample gets its target's labels as in a scrape") {
  auto read = testkit::read_config<ScrapeOptions>(scrape_options_schema(), R"(
scrape_configs:
- job_name: mine
  honor_labels: true
)");
  REQUIRE(read.ok());
  const auto text = read.config.explain_relabel(
      {.job = "mine", .target = "h:1", .metric = "x{job=\"\",instance=\"i\"}"});
  REQUIRE(text);
  // The page says that there is no job, and who the instance is.
  CHECK(text->ends_with("series:\n  __name__ = \"x\"\n  instance = \"i\"\n"));
}

TEST_CASE("explain: questions that cannot be answered") {
  const ScrapeOptions all = options();
  CHECK(all.explain_relabel({.job = "", .target = "a", .metric = ""}).error().message ==
        "name a job with --job; the jobs are: node, other");
  CHECK(all.explain_relabel({.job = "x", .target = "a", .metric = ""}).error().message ==
        "there is no job \"x\"; the jobs are: node, other");
  CHECK(all.explain_relabel({.job = "node", .target = "", .metric = ""}).error().message ==
        "name a target with --target, or a sample with --metric");
  CHECK(all.explain_relabel({.job = "node", .target = "a=\"", .metric = ""}).error().message ==
        "--target: a quoted value has no end");
}

}  // namespace
}  // namespace tailrace::common::prom
