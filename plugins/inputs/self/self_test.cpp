#include <bit>
#include <map>
#include <string>

#include <doctest/doctest.h>

#include "plugins/common/prom/metric_batch_of_test.h"
#include "plugins/inputs/self/self_config.h"
#include "plugins/inputs/self/series_builder.h"
#include "testkit/config_text.h"
#include "testkit/crash_fs.h"
#include "testkit/engine_bench.h"

namespace tailrace {
extern const PluginDescriptor inputs_self_plugin;
extern const PluginDescriptor outputs_prometheus_remote_write_plugin;
}  // namespace tailrace

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using common::prom::WriteVersion;

namespace {

constexpr const char* kConfig = R"(
inputs:
  own: {type: self, interval: 10s, instance: here, labels: {zone: z}}
outputs:
  out: {type: prometheus_remote_write, url: "http://prom/api/v1/write"}
pipelines:
  p: {inputs: [own], outputs: [out]}
)";

std::map<std::string, double> samples_of(const std::string& payload) {
  std::map<std::string, double> samples;
  common::prom::WriteReader reader;
  Arena arena;
  const std::string body = common::prom::test::uncompressed(payload);
  REQUIRE(reader.check(WriteVersion::v1, body));
  reader.read(WriteVersion::v1, body, arena, [&](const auto& series) {
    std::vector<Label> labels;
    for (const Label& label : EncodedLabels(series.labels)) {
      labels.push_back(label);
    }
    samples[common::prom::test::text_of(labels)] =
        std::bit_cast<double>(series.samples.back().value);
  });
  return samples;
}

}  // namespace

TEST_CASE("self: histograms as a scrape would show them, labels sorted, own ones first") {
  OwnMetric metric;
  metric.name = "tailrace_x_seconds";
  metric.help = "X.";
  metric.type = OwnMetric::Type::histogram;
  OwnMetric::Sample& sample = metric.samples.emplace_back();
  sample.labels = {{"component", "c"}, {"job", "mine"}};
  sample.bounds = {0.5, 1};
  sample.buckets = {1, 2, 4};
  sample.sum = 7.25;
  inputs::self::SeriesBuilder builder({{"job", "agent"}, {"instance", "here"}});
  builder.build({metric}, 5);
  MetricBatch batch = builder.batch(0, builder.size());
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < batch.size; ++i) {
    std::vector<Label> labels;
    for (const Label& label : EncodedLabels(batch.series[i]->encoded_labels)) {
      labels.push_back(label);
    }
    texts.push_back(common::prom::test::text_of(labels) + " " +
                    fmt::format("{}", std::bit_cast<double>(batch.values[i])));
    CHECK(batch.series[i]->family->type == MetricType::histogram);
    CHECK(batch.timestamps[i] == 5);
  }
  CHECK(texts ==
        std::vector<std::string>{
            "{__name__=tailrace_x_seconds_bucket,component=c,instance=here,job=mine,le=0.5} 1",
            "{__name__=tailrace_x_seconds_bucket,component=c,instance=here,job=mine,le=1.0} 2",
            "{__name__=tailrace_x_seconds_bucket,component=c,instance=here,job=mine,le=+Inf} 4",
            "{__name__=tailrace_x_seconds_sum,component=c,instance=here,job=mine} 7.25",
            "{__name__=tailrace_x_seconds_count,component=c,instance=here,job=mine} 4"});
}

TEST_CASE("self: the agent's metrics arrive, once an interval, with its labels") {
  testkit::CrashFs disk;
  const PluginDescriptor* const plugins[] = {&inputs_self_plugin,
                                             &outputs_prometheus_remote_write_plugin};
  testkit::EngineBench bench(kConfig, plugins, disk);
  REQUIRE(bench.until([&] { return bench.server().seen.size() >= 3; }));
  CHECK(bench.stop());
  const auto first = samples_of(bench.server().seen[0].body);
  const auto last = samples_of(bench.server().seen.back().body);
  const std::string memory =
      "{__name__=tailrace_memory_limit_bytes,instance=here,job=tailrace,zone=z}";
  REQUIRE(first.count(memory) == 1);
  CHECK(first.at(memory) > 0);
  const std::string delivered =
      "{__name__=tailrace_output_delivered_records_total,component=out,component_kind=output,"
      "instance=here,job=tailrace,type=prometheus_remote_write,zone=z}";
  REQUIRE(last.count(delivered) == 1);
  CHECK(first.at(delivered) == 0);
  CHECK(last.at(delivered) >= static_cast<double>(first.size()));
}

TEST_CASE("self: under once, one reading") {
  testkit::CrashFs disk;
  const PluginDescriptor* const plugins[] = {&inputs_self_plugin,
                                             &outputs_prometheus_remote_write_plugin};
  testkit::EngineBenchOptions options;
  options.once = true;
  testkit::EngineBench bench(kConfig, plugins, disk, options);
  REQUIRE(bench.until([&] { return bench.finished(); }));
  CHECK(bench.server().seen.size() == 1);
}

TEST_CASE("self: mistakes in its options") {
  const auto error = [](const char* yaml) {
    const auto errors =
        testkit::read_config<inputs::self::SelfConfig>(inputs::self::self_schema(), yaml).errors();
    return errors.empty() ? std::string() : errors[0];
  };
  CHECK(error("labels: {job: x}").find("option job") != std::string::npos);
  CHECK(error("labels: {le: x}").find("taken") != std::string::npos);
  CHECK(error("labels: {1a: x}").find("label name") != std::string::npos);
  CHECK(error("interval: 1ms") != "");
}
