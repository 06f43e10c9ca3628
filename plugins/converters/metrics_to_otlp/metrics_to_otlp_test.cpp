#include "plugins/converters/metrics_to_otlp/metrics_to_otlp.h"

#include <bit>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/common/otlp/batch_of_test.h"
#include "plugins/common/otlp/request_checker.h"
#include "plugins/common/prom/metric_batch_of_test.h"
#include "testkit/converter_bench.h"
#include "testkit/plugin_harness.h"

namespace tailrace {
extern const PluginDescriptor converters_metrics_to_otlp_plugin;
}

using namespace tailrace;
using namespace tailrace::common::otlp;
using namespace tailrace::common::otlp::test;
using common::prom::test::LabelMap;
using common::prom::test::MetricBatchOf;
using converters::metrics_to_otlp::MetricsToOtlpConfig;
using testkit::ConverterBench;

namespace {

using Texts = std::vector<std::string>;
constexpr uint64_t kMs = 1'000'000;

struct Converted {
  Texts resources;
  std::vector<uint32_t> records;
  ConverterBench::Result result;
};

Converted converted(MetricBatch& batch, MetricsToOtlpConfig config = {}) {
  ConverterBench bench(converters_metrics_to_otlp_plugin, std::move(config));
  Converted out;
  out.result = bench.run(batch, [&](Batch& any) {
    const OtlpBatch& metrics = *otlp_cast(any);
    for (uint32_t i = 0; i < metrics.size; ++i) {
      out.resources.emplace_back(metrics.resources[i]);
      out.records.push_back(metrics.records[i]);
      RequestChecker checker;
      const Proto request =
          Proto().message(request::kResources, Proto(std::string(metrics.resources[i])));
      CHECK(checker.check(Signal::metrics, request.bytes()));
    }
  });
  return out;
}

Proto text_attribute(uint32_t field, std::string_view name, std::string_view value) {
  return Proto().message(field, attribute(name, string_value(value)));
}
Proto resource_of(std::initializer_list<std::pair<const char*, const char*>> attributes,
                  std::initializer_list<Proto> metrics) {
  std::string resource;
  for (const auto& [name, value] : attributes) {
    resource += text_attribute(resource::kAttributes, name, value).bytes();
  }
  return Proto()
      .message(resource_x::kResource, Proto(resource))
      .message(resource_x::kScopes, scope_of("tailrace", metrics));
}
Proto metric_of(std::string_view name, uint32_t kind, const Proto& data, std::string_view type,
                bool has_family = true) {
  Proto metric = Proto().text(metric::kName, name);
  if (has_family) {
    metric.text(metric::kDescription, "help").text(metric::kUnit, "s");
  }
  return metric.message(kind, data)
      .message(metric::kMetadata, attribute("prometheus.type", string_value(type)));
}
Proto points_of(const Proto& point, bool cumulative = false, bool monotonic = false) {
  Proto data = Proto().message(metric_data::kPoints, point);
  if (cumulative) {
    data.varint(metric_data::kTemporality, 2);
  }
  if (monotonic) {
    data.varint(metric_data::kIsMonotonic, 1);
  }
  return data;
}
Proto number_at(uint64_t ms, double value) {
  return Proto().fixed64(number_point::kTime, ms * kMs).real(number_point::kAsDouble, value);
}
template <class T>
std::string packed(std::initializer_list<T> values) {
  std::string bytes;
  for (const T value : values) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return bytes;
}

const LabelMap kTarget = {{"job", "shop"}, {"instance", "a:1"}};
LabelMap labels_of(const std::string& name, LabelMap more = {}) {
  more.insert(kTarget.begin(), kTarget.end());
  more["__name__"] = name;
  return more;
}
MetricFamily family_of(const char* name, MetricType type) {
  return {name, type, "help", "seconds"};
}

/// A histogram's rows, but for the one that is left out.
void add_histogram(MetricBatchOf& batch, const char* without = "") {
  const auto add = [&](const std::string& name, const LabelMap& more, double value) {
    const auto le = more.find("le");
    if (name + (le != more.end() ? le->second : "") != without) {
      batch.sample(labels_of(name, more), 1000, value, 500);
      batch.family(labels_of(name, more), family_of("d", MetricType::histogram));
    }
  };
  add("d_bucket", {{"le", "0.5"}, {"k", "v"}}, 1);
  add("d_bucket", {{"le", "10.0"}, {"k", "v"}}, 3);
  add("d_bucket", {{"le", "+Inf"}, {"k", "v"}}, 6);
  add("d_sum", {{"k", "v"}}, 12.5);
  add("d_count", {{"k", "v"}}, 6);
}

}  // namespace

TEST_CASE("metrics_to_otlp: counters, gauges and what nothing is known of") {
  MetricBatchOf batch;
  batch.sample(labels_of("hits_total", {{"code", "503"}}), 1000, 42, 500);
  batch.family(labels_of("hits_total", {{"code", "503"}}), family_of("hits", MetricType::counter));
  batch.exemplar(labels_of("hits_total", {{"code", "503"}}),
                 {{"trace_id", "01010101010101010101010101010107"}, {"user", "ann"}}, 1, 900);
  batch.sample(labels_of("up"), 1000, 1);
  batch.bits(labels_of("gone"), 2000, kStaleNan);
  const auto out = converted(batch.batch());
  REQUIRE(out.resources.size() == 1);
  const Proto exemplar =
      Proto()
          .fixed64(exemplar::kTime, 900 * kMs)
          .real(exemplar::kAsDouble, 1)
          .text(exemplar::kTraceId, trace_id(7))
          .message(exemplar::kFilteredAttributes, attribute("user", string_value("ann")));
  const Proto hits =
      Proto()
          .fixed64(number_point::kStartTime, 500 * kMs)
          .fixed64(number_point::kTime, 1000 * kMs)
          .real(number_point::kAsDouble, 42)
          .message(number_point::kExemplars, exemplar)
          .message(number_point::kAttributes, attribute("code", string_value("503")));
  const Proto gone =
      Proto().fixed64(number_point::kTime, 2000 * kMs).varint(number_point::kFlags, 1);
  CHECK(
      out.resources[0] ==
      resource_of({{"service.instance.id", "a:1"}, {"service.name", "shop"}},
                  {metric_of("hits_total", metric::kSum, points_of(hits, true, true), "counter"),
                   metric_of("up", metric::kGauge, points_of(number_at(1000, 1)), "unknown", false),
                   metric_of("gone", metric::kGauge, points_of(gone), "unknown", false)})
          .bytes());
  CHECK(out.records == std::vector<uint32_t>{3});
}

TEST_CASE("metrics_to_otlp: a histogram's rows become one point") {
  MetricBatchOf batch;
  add_histogram(batch);
  const auto out = converted(batch.batch());
  REQUIRE(out.resources.size() == 1);
  const Proto point = Proto()
                          .fixed64(histogram_point::kStartTime, 500 * kMs)
                          .fixed64(histogram_point::kTime, 1000 * kMs)
                          .fixed64(histogram_point::kCount, 6)
                          .real(histogram_point::kSum, 12.5)
                          .text(histogram_point::kBucketCounts, packed<uint64_t>({1, 2, 3}))
                          .text(histogram_point::kExplicitBounds, packed<double>({0.5, 10}))
                          .message(histogram_point::kAttributes, attribute("k", string_value("v")));
  CHECK(out.resources[0] ==
        resource_of({{"service.instance.id", "a:1"}, {"service.name", "shop"}},
                    {metric_of("d", metric::kHistogram, points_of(point, true), "histogram")})
            .bytes());
  CHECK(out.records == std::vector<uint32_t>{5});
}

TEST_CASE("metrics_to_otlp: of a histogram in pieces every row stays, as a gauge") {
  for (const char* without : {"d_count", "d_bucket+Inf"}) {
    MetricBatchOf batch;
    add_histogram(batch, without);
    const auto out = converted(batch.batch());
    REQUIRE(out.resources.size() == 1);
    CHECK(out.records == std::vector<uint32_t>{4});
    const bool has_inf = std::string_view(without) == "d_count";
    CHECK((out.resources[0].find("+Inf") != std::string::npos) == has_inf);
    CHECK(out.resources[0].find("d_bucket") != std::string::npos);
    CHECK(out.resources[0].find("d_sum") != std::string::npos);
  }
}

TEST_CASE("metrics_to_otlp: a summary") {
  MetricBatchOf batch;
  const auto add = [&](const char* name, const LabelMap& more, double value) {
    batch.sample(labels_of(name, more), 1000, value);
    batch.family(labels_of(name, more), family_of("rpc", MetricType::summary));
  };
  add("rpc", {{"quantile", "0.99"}}, 3);
  add("rpc", {{"quantile", "0.5"}}, 1);
  add("rpc_sum", {}, 8);
  add("rpc_count", {}, 4);
  const auto out = converted(batch.batch());
  const auto quantile = [](double of, double value) {
    return Proto().real(quantile_value::kQuantile, of).real(quantile_value::kValue, value);
  };
  const Proto point = Proto()
                          .fixed64(summary_point::kTime, 1000 * kMs)
                          .fixed64(summary_point::kCount, 4)
                          .real(summary_point::kSum, 8)
                          .message(summary_point::kQuantileValues, quantile(0.5, 1))
                          .message(summary_point::kQuantileValues, quantile(0.99, 3));
  REQUIRE(out.resources.size() == 1);
  CHECK(out.resources[0] ==
        resource_of({{"service.instance.id", "a:1"}, {"service.name", "shop"}},
                    {metric_of("rpc", metric::kSummary, points_of(point), "summary")})
            .bytes());
}

TEST_CASE("metrics_to_otlp: native histograms") {
  MetricBatchOf batch;
  const BucketSpan spans[] = {{-1, 1}, {1, 1}};
  const int64_t deltas[] = {2, 2};
  NativeHistogram histogram;
  histogram.count = 7;
  histogram.sum = 3;
  histogram.schema = 1;
  histogram.zero_count = 1;
  histogram.zero_threshold = 1e-128;
  histogram.positive_spans = spans;
  histogram.positive_deltas = deltas;
  batch.histogram(labels_of("d"), 1000, histogram);
  NativeHistogram gauge = histogram;
  gauge.reset_hint = NativeHistogram::ResetHint::gauge;
  batch.histogram(labels_of("g"), 1000, gauge);
  NativeHistogram part = histogram;
  part.is_float = true;
  part.count_float = 0.5;
  batch.histogram(labels_of("f"), 1000, part);
  const auto out = converted(batch.batch());
  const Proto point =
      Proto()
          .fixed64(exponential_point::kTime, 1000 * kMs)
          .fixed64(exponential_point::kCount, 7)
          .real(exponential_point::kSum, 3)
          .varint(exponential_point::kScale, 2)
          .fixed64(exponential_point::kZeroCount, 1)
          .message(exponential_point::kPositive,
                   Proto()
                       .varint(exponential_buckets::kOffset, 3)  // -2
                       .text(exponential_buckets::kBucketCounts, std::string("\x02\x00\x04", 3)))
          .real(exponential_point::kZeroThreshold, 1e-128);
  REQUIRE(out.resources.size() == 1);
  CHECK(out.resources[0] == resource_of({{"service.instance.id", "a:1"}, {"service.name", "shop"}},
                                        {metric_of("d", metric::kExponentialHistogram,
                                                   points_of(point, true), "histogram", false)})
                                .bytes());
  CHECK(out.result.reasons == Texts{"gauge_histogram", "float_histogram"});
  CHECK(out.records == std::vector<uint32_t>{1});
}

TEST_CASE("metrics_to_otlp: resources, scopes and target_info") {
  MetricBatchOf batch;
  batch.sample({{"__name__", "a"}, {"job", "prod/shop"}, {"cluster", "eu"}}, 1, 1);
  batch.sample(
      {{"__name__", "target_info"}, {"job", "prod/shop"}, {"host_name", "n"}, {"cluster", "eu"}}, 1,
      1);
  batch.sample({{"__name__", "b"}, {"otel_scope_name", "lib"}, {"otel_scope_version", "2"}}, 1, 1);
  const auto out = converted(batch.batch(), {.resource_labels = {{"cluster", "k8s.cluster.name"}}});
  REQUIRE(out.resources.size() == 2);
  CHECK(out.resources[0].starts_with(
      Proto()
          .message(
              resource_x::kResource,
              Proto(text_attribute(resource::kAttributes, "k8s.cluster.name", "eu").bytes() +
                    text_attribute(resource::kAttributes, "service.namespace", "prod").bytes() +
                    text_attribute(resource::kAttributes, "service.name", "shop").bytes() +
                    text_attribute(resource::kAttributes, "host_name", "n").bytes()))
          .bytes()));
  CHECK(out.resources[0].find("target_info") == std::string::npos);
  CHECK(out.records == std::vector<uint32_t>{2, 1});
  CHECK(
      out.resources[1].find(Proto().text(scope::kName, "lib").text(scope::kVersion, "2").bytes()) !=
      std::string::npos);
}

TEST_CASE("metrics_to_otlp: keeps the component contract") {
  const testkit::PluginHarness harness(converters_metrics_to_otlp_plugin,
                                       "resource_labels: {cluster: k8s.cluster.name}");
  harness.check_options();
  testkit::Samples samples;
  samples.push_back({"ordinary", [](testkit::ManualLane&, const auto& use) {
                       MetricBatchOf batch;
                       add_histogram(batch);
                       batch.sample(labels_of("up"), 1000, 1);
                       use(batch.batch());
                     }});
  samples.push_back({"none", [](testkit::ManualLane&, const auto& use) {
                       MetricBatchOf batch;
                       use(batch.batch());
                     }});
  harness.check_converter(samples, common::otlp::test::text_of_resources);
}
