#include <string>

#include <doctest/doctest.h>

#include "plugins/common/prom/scrape_config_test.h"
#include "plugins/common/prom/target_set.h"

namespace tailrace::common::prom {
namespace {

using namespace std::chrono_literals;

RelabeledTarget made(const ScrapeConfig& job, const LabelPairs& target,
                     const LabelPairs& group = {}) {
  LabelBuilder builder;
  return make_target(job, target, group, builder);
}

RelabeledTarget made(std::string_view job, const LabelPairs& target, const LabelPairs& group = {}) {
  return made(job_of(job), target, group);
}

const LabelPairs kHost = {{"__address__", "host:9100"}};

TEST_CASE("make_target: the labels that a job adds, and what is left for samples") {
  const auto result =
      made("  params: {module: [a, b]}\n", {{"__address__", "host:9100"}, {"x", "own"}},
           {{"x", "group"}, {"y", "group"}, {"__meta_z", "m"}, {"empty", ""}});
  CHECK(result.discovered == LabelPairs{{"__address__", "host:9100"},
                                        {"__always_scrape_classic_histograms__", "false"},
                                        {"__convert_classic_histograms_to_nhcb__", "false"},
                                        {"__meta_z", "m"},
                                        {"__metrics_path__", "/metrics"},
                                        {"__param_module", "a"},
                                        {"__scheme__", "http"},
                                        {"__scrape_interval__", "1m"},
                                        {"__scrape_native_histograms__", "false"},
                                        {"__scrape_timeout__", "10s"},
                                        {"job", "job"},
                                        {"x", "own"},
                                        {"y", "group"}});
  REQUIRE(result.target);
  CHECK(result.target->labels ==
        LabelPairs{{"instance", "host:9100"}, {"job", "job"}, {"x", "own"}, {"y", "group"}});
  CHECK(result.target->url == "http://host:9100/metrics?module=a&module=b");
  CHECK(result.target->interval == 60s);
  CHECK(result.target->timeout == 10s);
}

TEST_CASE("make_target: labels that are set already win over the job's") {
  const auto result = made("", {{"__address__", "h:1"},
                                {"job", "mine"},
                                {"instance", "me"},
                                {"__scheme__", "https"},
                                {"__metrics_path__", "probe x"},
                                {"__scrape_interval__", "5s"},
                                {"__scrape_timeout__", "1500ms"},
                                {"__param_target", "a b&c"},
                                {"__scrape_native_histograms__", "true"}});
  REQUIRE(result.target);
  CHECK(result.target->labels == LabelPairs{{"instance", "me"}, {"job", "mine"}});
  CHECK(result.target->url == "https://h:1/probe%20x?target=a+b%26c");
  CHECK(result.target->interval == 5s);
  CHECK(result.target->timeout == 1500ms);
  CHECK(result.target->scrape_native_histograms);
}

TEST_CASE("make_target: a target's empty label hides the group's") {
  CHECK(made("", {{"__address__", "h:1"}, {"x", ""}}, {{"x", "group"}}).target->labels ==
        LabelPairs{{"instance", "h:1"}, {"job", "job"}});
}

TEST_CASE("make_target: the blackbox exporter's rules of Prometheus's documentation") {
  const ScrapeConfig job = job_of(R"(  metrics_path: /probe
  params: {module: [http_2xx]}
  relabel_configs:
  - source_labels: [__address__]
    target_label: __param_target
  - source_labels: [__param_target]
    target_label: instance
  - target_label: __address__
    replacement: 127.0.0.1:9115
)");
  const auto result = made(job, {{"__address__", "https://prometheus.io"}});
  REQUIRE(result.target);
  CHECK(result.target->url ==
        "http://127.0.0.1:9115/probe?module=http_2xx&target=https%3A%2F%2Fprometheus.io");
  CHECK(result.target->labels == LabelPairs{{"instance", "https://prometheus.io"}, {"job", "job"}});
}

TEST_CASE("make_target: no default port is added") {
  CHECK(made("", {{"__address__", "host"}}).target->url == "http://host/metrics");
  CHECK(made("", {{"__address__", "[::1]"}}).target->labels[0].second == "[::1]");
}

TEST_CASE("make_target: dropped by a rule, or refused with Prometheus's words") {
  const auto dropped = made(
      "  relabel_configs: [{source_labels: [__address__], regex: 'h.*', action: drop}]\n", kHost);
  CHECK_FALSE(dropped.target);
  CHECK(dropped.refused.empty());
  CHECK_FALSE(dropped.discovered.empty());

  const auto refused = [](const LabelPairs& labels) { return made("", labels).refused; };
  CHECK(refused({{"x", "y"}}) == "no address");
  CHECK(refused({{"__address__", "http://a"}}) == "\"http://a\" is not a valid hostname");
  CHECK(refused({{"__address__", "a"}, {"__scrape_interval__", "xs"}}) ==
        "error parsing scrape interval: not a valid duration string: \"xs\"");
  CHECK(refused({{"__address__", "a"}, {"__scrape_interval__", "0"}}) ==
        "scrape interval cannot be 0");
  CHECK(refused({{"__address__", "a"}, {"__scrape_timeout__", "0s"}}) ==
        "scrape timeout cannot be 0");
  CHECK(refused({{"__address__", "a"}, {"__scrape_timeout__", "2m"}}) ==
        "scrape timeout cannot be greater than scrape interval (\"2m\" > \"1m\")");
  CHECK(refused({{"__address__", "a"}, {"x", "\xFF"}}) == "invalid label value for \"x\"");
  CHECK(refused({{"__address__", "a"}, {"__scrape_native_histograms__", "maybe"}})
            .starts_with("error parsing __scrape_native_histograms__"));
}

TEST_CASE("make_target: the hash tells targets apart by labels and URL") {
  const ScrapeConfig job = job_of("");
  const uint64_t hash = made(job, kHost).target->hash;
  CHECK(made(job, kHost).target->hash == hash);
  CHECK(made(job, kHost, {{"__meta_a", "b"}}).target->hash == hash);  // gone before the end
  CHECK(made(job, kHost, {{"a", "b"}}).target->hash != hash);
  CHECK(made(job, kHost, {{"__scrape_interval__", "30s"}}).target->hash != hash);
  CHECK(made(job, {{"__address__", "host:9101"}}).target->hash != hash);
}

}  // namespace
}  // namespace tailrace::common::prom
