#include "plugins/converters/otlp_to_metrics/otlp_to_metrics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "codec/utf8.h"
#include "plugins/common/otlp/batch_of_test.h"
#include "plugins/common/otlp/random_batches_test.h"
#include "plugins/common/prom/metric_batch_of_test.h"
#include "testkit/converter_bench.h"
#include "testkit/plugin_harness.h"

namespace tailrace {
extern const PluginDescriptor converters_otlp_to_metrics_plugin;
}

using namespace tailrace;
using namespace tailrace::common::otlp;
using namespace tailrace::common::otlp::test;
using converters::otlp_to_metrics::DeltaMode;
using converters::otlp_to_metrics::OtlpToMetricsConfig;
using converters::otlp_to_metrics::RowBatch;
using testkit::ConverterBench;

namespace {

using Texts = std::vector<std::string>;
constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1'000 * kMs;

std::string text_of_series(const MetricSeries& series) {
  std::string labels;
  std::string name;
  for (const Label& label : EncodedLabels(series.encoded_labels)) {
    if (label.name == "__name__") {
      name = label.value;
    } else {
      labels += fmt::format("{}{}={}", labels.empty() ? "" : ",", label.name, label.value);
    }
  }
  return name + "{" + labels + "}";
}

void describe(const MetricBatch& batch, Texts& lines) {
  const auto created = [](int64_t at) { return at != 0 ? fmt::format(" from {}", at) : ""; };
  for (uint32_t i = 0; i < batch.size; ++i) {
    const std::string value = batch.values[i] == kStaleNan
                                  ? "stale"
                                  : fmt::format("{}", std::bit_cast<double>(batch.values[i]));
    lines.push_back(fmt::format("{} {} @{}{}", text_of_series(*batch.series[i]), value,
                                batch.timestamps[i], created(batch.created[i])));
  }
  for (const HistogramRow& row : batch.histograms) {
    lines.push_back(fmt::format("{} {} @{}{}", text_of_series(*row.series),
                                common::prom::test::text_of(*row.histogram), row.timestamp,
                                created(row.created)));
  }
  for (const ExemplarRow& row : batch.exemplars) {
    lines.push_back(fmt::format("{} # {} {} @{}", text_of_series(*row.series),
                                common::prom::test::text_of(row.labels), row.value, row.timestamp));
  }
}

std::string describe_text(const Batch& batch) {
  Texts lines;
  describe(*batch_cast<MetricBatch>(batch), lines);
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

/// All rows of a resource that holds these metrics.
Texts converted(const Proto& resource, uint32_t points, OtlpToMetricsConfig config = {},
                Texts* reasons = nullptr) {
  ConverterBench bench(converters_otlp_to_metrics_plugin, std::move(config));
  OtlpBatchOf made(Signal::metrics, {{resource, points}});
  Texts lines;
  const auto result = bench.run(
      made.batch(), [&](Batch& batch) { describe(*batch_cast<MetricBatch>(batch), lines); });
  if (reasons != nullptr) {
    *reasons = result.reasons;
  } else {
    CHECK(result.refused == Weight{});
  }
  return lines;
}

Proto resource_of(std::initializer_list<Proto> attributes, std::initializer_list<Proto> metrics) {
  Proto resource;
  for (const Proto& one : attributes) {
    resource.message(resource::kAttributes, one);
  }
  return Proto()
      .message(resource_x::kResource, resource)
      .message(resource_x::kScopes, scope_of("lib", metrics));
}
Proto alone(const Proto& metric) {
  return resource_of({attribute("service.name", string_value("shop"))}, {metric});
}

Proto metric_of(std::string_view name, std::string_view unit, uint32_t kind, const Proto& data) {
  return Proto().text(metric::kName, name).text(metric::kUnit, unit).message(kind, data);
}
Proto points_of(std::initializer_list<Proto> points, uint64_t temporality = 0,
                bool monotonic = false) {
  Proto data;
  for (const Proto& point : points) {
    data.message(metric_data::kPoints, point);
  }
  if (temporality != 0) {
    data.varint(metric_data::kTemporality, temporality);
  }
  if (monotonic) {
    data.varint(metric_data::kIsMonotonic, 1);
  }
  return data;
}
constexpr uint64_t kDelta = 1;
constexpr uint64_t kCumulative = 2;

Proto number_at(uint64_t time, double value) {
  return Proto().fixed64(number_point::kTime, time).real(number_point::kAsDouble, value);
}
std::string packed(std::initializer_list<uint64_t> values) {
  std::string bytes;
  for (const uint64_t value : values) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return bytes;
}
std::string packed_real(const std::vector<double>& values) {
  std::string bytes;
  for (const double value : values) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return bytes;
}

}  // namespace

TEST_CASE("otlp_to_metrics: sums and gauges, with the names and labels of Prometheus") {
  const Proto resource = resource_of(
      {attribute("service.name", string_value("shop")),
       attribute("service.namespace", string_value("prod")),
       attribute("service.instance.id", string_value("shop-1"))},
      {metric_of(
           "http.requests", "{request}", metric::kSum,
           points_of({Proto()
                          .fixed64(number_point::kStartTime, 5 * kSecond)
                          .fixed64(number_point::kTime, 60 * kSecond)
                          .fixed64(number_point::kAsInt, 42)
                          .message(number_point::kAttributes,
                                   attribute("http.code", Proto().varint(any_value::kInt, 503)))
                          .message(number_point::kExemplars,
                                   Proto()
                                       .fixed64(exemplar::kTime, 59 * kSecond)
                                       .real(exemplar::kAsDouble, 1)
                                       .text(exemplar::kTraceId, trace_id(7))
                                       .message(exemplar::kFilteredAttributes,
                                                attribute("user", string_value("ann"))))},
                     kCumulative, true)),
       metric_of("queue.size", "", metric::kSum,
                 points_of({number_at(61 * kSecond, -3)}, kCumulative)),
       metric_of("cpu.utilization", "1", metric::kGauge,
                 points_of({number_at(62 * kSecond, 0.5)}))});
  CHECK(
      converted(resource, 3) ==
      Texts{"http_requests_total{http_code=503,instance=shop-1,job=prod/shop} 42 @60000 from 5000",
            "queue_size{instance=shop-1,job=prod/shop} -3 @61000",
            "cpu_utilization_ratio{instance=shop-1,job=prod/shop} 0.5 @62000",
            "http_requests_total{http_code=503,instance=shop-1,job=prod/shop} # "
            "{trace_id=01010101010101010101010101010107,user=ann} 1 @59000"});
}

TEST_CASE("otlp_to_metrics: a histogram with explicit bounds") {
  const Proto point =
      Proto()
          .fixed64(histogram_point::kTime, 1 * kSecond)
          .fixed64(histogram_point::kCount, 6)
          .real(histogram_point::kSum, 12.5)
          .text(histogram_point::kBucketCounts, packed({1, 2, 3}))
          .text(histogram_point::kExplicitBounds, packed_real({0.5, 10}))
          .message(histogram_point::kExemplars,
                   Proto().fixed64(exemplar::kTime, 3 * kMs).real(exemplar::kAsDouble, 100))
          .message(histogram_point::kExemplars,
                   Proto().fixed64(exemplar::kTime, 4 * kMs).real(exemplar::kAsDouble, 0.5));
  const Proto resource =
      alone(metric_of("duration", "s", metric::kHistogram, points_of({point}, kCumulative)));
  CHECK(converted(resource, 1) == Texts{"duration_seconds_sum{job=shop} 12.5 @1000",
                                        "duration_seconds_count{job=shop} 6 @1000",
                                        "duration_seconds_bucket{job=shop,le=0.5} 1 @1000",
                                        "duration_seconds_bucket{job=shop,le=10} 3 @1000",
                                        "duration_seconds_bucket{job=shop,le=+Inf} 6 @1000",
                                        "duration_seconds_bucket{job=shop,le=0.5} # {} 0.5 @4",
                                        "duration_seconds_bucket{job=shop,le=+Inf} # {} 100 @3"});
  const Texts native = converted(resource, 1, {.convert_histograms_to_nhcb = true});
  REQUIRE(native.size() == 3);
  CHECK(native[0].starts_with("duration_seconds{job=shop} int count 6 0 "));
  CHECK(native[0].find("schema -53") != std::string::npos);
  CHECK(native[0].find("positive 0+3  1 1 1") != std::string::npos);
  CHECK(native[0].find("custom 0.5 10") != std::string::npos);
}

TEST_CASE("otlp_to_metrics: a summary, and a series that ends") {
  const Proto point =
      Proto()
          .fixed64(summary_point::kTime, 1 * kSecond)
          .fixed64(summary_point::kCount, 4)
          .real(summary_point::kSum, 8)
          .message(summary_point::kQuantileValues,
                   Proto().real(quantile_value::kQuantile, 0.99).real(quantile_value::kValue, 3));
  const Proto ended =
      Proto().fixed64(number_point::kTime, 2 * kSecond).varint(number_point::kFlags, 1);
  CHECK(converted(
            resource_of({}, {metric_of("rpc", "", metric::kSummary, points_of({point})),
                             metric_of("temperature", "Cel", metric::kGauge, points_of({ended}))}),
            2) == Texts{"rpc_sum{} 8 @1000", "rpc_count{} 4 @1000", "rpc{quantile=0.99} 3 @1000",
                        "temperature_celsius{} stale @2000"});
}

TEST_CASE("otlp_to_metrics: target_info has what is no label") {
  const Proto resource = resource_of(
      {attribute("service.name", string_value("shop")),
       attribute("host.name", string_value("node-a")),
       attribute("host.arch", string_value("arm64"))},
      {metric_of("a", "", metric::kGauge,
                 points_of({number_at(1000 * kSecond, 1), number_at(1200 * kSecond, 2)}))});
  CHECK(converted(resource, 2) ==
        Texts{"a{job=shop} 1 @1000000", "a{job=shop} 2 @1200000",
              "target_info{host_arch=arm64,host_name=node-a,job=shop} 1 @1000000",
              "target_info{host_arch=arm64,host_name=node-a,job=shop} 1 @1150000",
              "target_info{host_arch=arm64,host_name=node-a,job=shop} 1 @1200000"});
  CHECK(converted(resource, 2, {.target_info = false}).size() == 2);
  CHECK(converted(resource, 2,
                  {.promote_resource_attributes = {"host.name"}, .target_info = false})[0] ==
        "a{host_name=node-a,job=shop} 1 @1000000");
  CHECK(converted(resource, 2,
                  {.promote_all_resource_attributes = true,
                   .ignore_resource_attributes = {"service.name", "host.name"},
                   .target_info = false})[0] == "a{host_arch=arm64,job=shop} 1 @1000000");
  CHECK(converted(resource, 2, {.keep_identifying_resource_attributes = true})[2] ==
        "target_info{host_arch=arm64,host_name=node-a,job=shop,service_name=shop} 1 @1000000");
  // Without anything that says whose it is there is none.
  CHECK(converted(
            resource_of({attribute("host.name", string_value("n"))},
                        {metric_of("a", "", metric::kGauge, points_of({number_at(kSecond, 1)}))}),
            1)
            .size() == 1);
}

TEST_CASE("otlp_to_metrics: labels that get one name are joined; the scope may be told") {
  const Proto point = number_at(kSecond, 1)
                          .message(number_point::kAttributes, attribute("a.b", string_value("2")))
                          .message(number_point::kAttributes, attribute("a_b", string_value("3")))
                          .message(number_point::kAttributes, attribute("a-b", string_value("1")))
                          .message(number_point::kAttributes, attribute("empty", string_value("")))
                          .message(number_point::kAttributes, attribute("job", string_value("x")));
  const Proto resource = alone(metric_of("m", "", metric::kGauge, points_of({point})));
  CHECK(converted(resource, 1) == Texts{"m{a_b=1;2;3,job=shop} 1 @1000"});
  CHECK(converted(resource, 1, {.promote_scope_metadata = true}) ==
        Texts{"m{a_b=1;2;3,job=shop,otel_scope_name=lib} 1 @1000"});
  CHECK(converted(resource, 1, {.translation_strategy = Translation::none}) ==
        Texts{"m{a-b=1,a.b=2,a_b=3,job=shop} 1 @1000"});
}

TEST_CASE("otlp_to_metrics: an exponential histogram is a native one") {
  const Proto point =
      Proto()
          .fixed64(exponential_point::kTime, 1 * kSecond)
          .fixed64(exponential_point::kCount, 7)
          .real(exponential_point::kSum, 3)
          .varint(exponential_point::kScale, 2)  // 1, zigzag
          .fixed64(exponential_point::kZeroCount, 1)
          .real(exponential_point::kZeroThreshold, 0.25)  // which Prometheus does not read
          .message(exponential_point::kPositive,
                   Proto()
                       .varint(exponential_buckets::kOffset, 3)  // -2
                       .text(exponential_buckets::kBucketCounts, std::string("\x02\x00\x04", 3)));
  const Texts lines = converted(
      alone(metric_of("d", "", metric::kExponentialHistogram, points_of({point}, kCumulative))), 1);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("d{job=shop} int count 7 0 "));
  CHECK(lines[0].find("schema 1 zero 1e-128 1 0 hint 0") != std::string::npos);
  CHECK(lines[0].find("positive -1+3  2 -2 4") != std::string::npos);
}

TEST_CASE("otlp_to_metrics: what has no meaning in Prometheus is refused, the rest goes on") {
  Texts reasons;
  const Proto good = metric_of("good", "", metric::kGauge, points_of({number_at(kSecond, 1)}));
  const auto lines = converted(
      resource_of(
          {}, {metric_of("delta", "", metric::kSum,
                         points_of({number_at(kSecond, 1), number_at(kSecond, 2)}, kDelta, true)),
               metric_of("none", "", metric::kSum, points_of({number_at(kSecond, 1)})),
               metric_of("...", "", metric::kGauge, points_of({number_at(kSecond, 1)})),
               metric_of("timeless", "", metric::kGauge, points_of({number_at(0, 1)})),
               metric_of("name", "", metric::kGauge,
                         points_of({number_at(kSecond, 1)
                                        .message(number_point::kAttributes,
                                                 attribute("..", string_value("x")))})),
               metric_of("scale", "", metric::kExponentialHistogram,
                         points_of({Proto()
                                        .fixed64(exponential_point::kTime, kSecond)
                                        .varint(exponential_point::kScale, 9)},  // -5
                                   kCumulative)),
               good}),
      8, {}, &reasons);
  CHECK(lines == Texts{"good{} 1 @1000"});
  CHECK(reasons == Texts{"delta_temporality", "no_temporality", "metric_name", "no_time",
                         "attribute_name", "scale_below_minus_4"});
}

TEST_CASE("otlp_to_metrics: deltas add up to a counter") {
  ConverterBench bench(converters_otlp_to_metrics_plugin,
                       OtlpToMetricsConfig{.delta = DeltaMode::accumulate});
  Texts lines;
  const auto push = [&](uint64_t start, uint64_t time, double value) {
    const Proto point = Proto()
                            .fixed64(number_point::kStartTime, start)
                            .fixed64(number_point::kTime, time)
                            .real(number_point::kAsDouble, value);
    OtlpBatchOf made(
        Signal::metrics,
        {{alone(metric_of("hits", "", metric::kSum, points_of({point}, kDelta, true))), 1}});
    return bench.run(made.batch(),
                     [&](Batch& batch) { describe(*batch_cast<MetricBatch>(batch), lines); });
  };
  push(1 * kSecond, 2 * kSecond, 5);
  push(2 * kSecond, 3 * kSecond, 7);
  CHECK(push(2 * kSecond, 3 * kSecond, 7).reasons == Texts{"delta_out_of_order"});  // a repeat
  CHECK(lines ==
        Texts{"hits_total{job=shop} 5 @2000 from 1000", "hits_total{job=shop} 12 @3000 from 1000"});
}

TEST_CASE("otlp_to_metrics: many points come in several batches and weigh what they weighed") {
  Proto data;
  constexpr uint32_t kPoints = 1000;
  for (uint32_t i = 0; i < kPoints; ++i) {
    data.message(metric_data::kPoints,
                 Proto()
                     .fixed64(histogram_point::kTime, kSecond)
                     .fixed64(histogram_point::kCount, 1)
                     .text(histogram_point::kBucketCounts, packed({0, 1}))
                     .text(histogram_point::kExplicitBounds, packed_real({1}))
                     .message(histogram_point::kAttributes,
                              attribute("n", Proto().varint(any_value::kInt, i))));
  }
  data.varint(metric_data::kTemporality, kCumulative);
  ConverterBench bench(converters_otlp_to_metrics_plugin, OtlpToMetricsConfig{});
  OtlpBatchOf made(Signal::metrics, {{alone(metric_of("h", "", metric::kHistogram, data)), kPoints},
                                     {resource_of({}, {}), 0}});
  size_t rows = 0;
  const auto result = bench.run(made.batch(), [&](Batch& batch) {
    const auto& metrics = *batch_cast<MetricBatch>(batch);
    CHECK(metrics.records() <= RowBatch::kMostRows);
    rows += metrics.records();
  });
  CHECK(rows == 3 * kPoints);
  CHECK(result.pushed.records == kPoints);
  CHECK(result.batches == 3);
}

TEST_CASE("otlp_to_metrics: labels that would fill memory are refused") {
  Proto data;
  for (int i = 0; i < 2000; ++i) {
    data.message(metric_data::kPoints, number_at(kSecond, i));
  }
  const Proto resource =
      resource_of({attribute("service.name", string_value(std::string(20'000, 'x')))},
                  {metric_of("m", "", metric::kGauge, data)});
  Texts reasons;
  const auto lines = converted(resource, 2000, {}, &reasons);
  CHECK(reasons == Texts{"labels_multiply"});
  CHECK(lines.size() > 100);
  CHECK(lines.size() < 300);
}

TEST_CASE("otlp_to_metrics: text that is no UTF-8 is repaired") {
  const Proto point =
      number_at(kSecond, 1)
          .message(number_point::kAttributes, attribute("a", string_value("x\xff")));
  CHECK(converted(resource_of({}, {metric_of("m", "", metric::kGauge, points_of({point}))}), 1) ==
        Texts{"m{a=x\xef\xbf\xbd} 1 @1000"});
}

TEST_CASE("otlp_to_metrics: a NaN keeps its bits") {
  for (const uint64_t bits : {kNormalNan, kStaleNan, uint64_t{0xfff8000000000123}}) {
    const Proto resource = alone(metric_of(
        "m", "", metric::kGauge, points_of({number_at(kSecond, std::bit_cast<double>(bits))})));
    ConverterBench bench(converters_otlp_to_metrics_plugin, OtlpToMetricsConfig{});
    OtlpBatchOf made(Signal::metrics, {{resource, 1}});
    uint64_t found = 0;
    bench.run(made.batch(),
              [&](Batch& batch) { found = batch_cast<MetricBatch>(batch)->values[0]; });
    CHECK(found == bits);
  }
}

TEST_CASE("otlp_to_metrics: series that came before are the same again, whatever else is") {
  const auto of_service = [](const char* service, std::string_view scope,
                             std::initializer_list<Proto> metrics) {
    return Proto()
        .message(resource_x::kResource,
                 Proto().message(resource::kAttributes,
                                 attribute("service.name", string_value(service))))
        .message(resource_x::kScopes, scope_of(scope, metrics));
  };
  const auto histogram = [](std::initializer_list<double> bounds, bool has_sum) {
    std::string counts;
    for (size_t i = 0; i <= bounds.size(); ++i) {
      counts += packed({1});
    }
    Proto point = Proto()
                      .fixed64(histogram_point::kTime, kSecond)
                      .fixed64(histogram_point::kCount, bounds.size() + 1)
                      .text(histogram_point::kBucketCounts, counts)
                      .text(histogram_point::kExplicitBounds, packed_real(bounds));
    return has_sum ? point.real(histogram_point::kSum, 1) : point;
  };
  const auto number = [](const char* value) {
    return number_at(kSecond, 1)
        .message(number_point::kAttributes, attribute("a", string_value(value)));
  };
  std::vector<Proto> resources;
  for (const char* const service : {"one", "two"}) {
    for (const char* const scope : {"s", "t"}) {
      resources.push_back(
          of_service(service, scope,
                     {metric_of("n", "", metric::kGauge, points_of({number("1"), number("2")})),
                      metric_of("m", "", metric::kGauge, points_of({number("1")})),
                      metric_of("m", "", metric::kSum, points_of({number("1")}, kCumulative, true)),
                      metric_of("h", "", metric::kHistogram,
                                points_of({histogram({1, 2}, true), histogram({1, 3}, true),
                                           histogram({1, 2}, false), histogram({1}, true)},
                                          kCumulative))}));
    }
  }
  const OtlpToMetricsConfig config{.promote_scope_metadata = true};
  ConverterBench bench(converters_otlp_to_metrics_plugin, OtlpToMetricsConfig(config));
  for (int pass = 0; pass < 3; ++pass) {
    for (const Proto& resource : resources) {
      OtlpBatchOf made(Signal::metrics, {{resource, 8}});
      Texts lines;
      bench.run(made.batch(),
                [&](Batch& batch) { describe(*batch_cast<MetricBatch>(batch), lines); });
      CHECK(lines == converted(resource, 8, config));
    }
  }
}

TEST_CASE("otlp_to_metrics: an explicit bound of +Inf gives no second bucket of that name") {
  const Proto point =
      Proto()
          .fixed64(histogram_point::kTime, 1 * kSecond)
          .fixed64(histogram_point::kCount, 3)
          .text(histogram_point::kBucketCounts, packed({1, 2, 0}))
          .text(histogram_point::kExplicitBounds,
                packed_real({1, std::numeric_limits<double>::infinity()}))
          .message(histogram_point::kExemplars,
                   Proto().fixed64(exemplar::kTime, 3 * kMs).real(exemplar::kAsDouble, 100));
  CHECK(converted(alone(metric_of("d", "", metric::kHistogram, points_of({point}, kCumulative))),
                  1) == Texts{"d_count{job=shop} 3 @1000", "d_bucket{job=shop,le=1} 1 @1000",
                              "d_bucket{job=shop,le=+Inf} 3 @1000",
                              "d_bucket{job=shop,le=+Inf} # {} 100 @3"});
}

TEST_CASE("otlp_to_metrics: exemplars of a series come by time, and their ids hide attributes") {
  const auto exemplar = [](uint64_t time, double value) {
    return Proto().fixed64(exemplar::kTime, time * kMs).real(exemplar::kAsDouble, value);
  };
  const Proto point = number_at(kSecond, 1)
                          .message(number_point::kExemplars, exemplar(9, 1))
                          .message(number_point::kExemplars,
                                   exemplar(8, 2)
                                       .text(exemplar::kSpanId, std::string(8, '\2'))
                                       .message(exemplar::kFilteredAttributes,
                                                attribute("span_id", string_value("hidden")))
                                       .message(exemplar::kFilteredAttributes,
                                                attribute("trace_id", string_value("shown"))));
  CHECK(converted(alone(metric_of("n", "", metric::kSum, points_of({point}, kCumulative))), 1) ==
        Texts{"n{job=shop} 1 @1000", "n{job=shop} # {span_id=0202020202020202,trace_id=shown} 2 @8",
              "n{job=shop} # {} 1 @9"});
}

TEST_CASE("otlp_to_metrics: empty parts of the identity count, the first of a repeated one does") {
  const auto labels = [](std::initializer_list<Proto> attributes) {
    return converted(resource_of(attributes, {metric_of("m", "", metric::kGauge,
                                                        points_of({number_at(kSecond, 1)}))}),
                     1);
  };
  const Proto name = attribute("service.name", string_value("n"));
  CHECK(labels({name, attribute("service.namespace", string_value(""))}) ==
        Texts{"m{job=/n} 1 @1000"});
  CHECK(labels({attribute("service.namespace", string_value("s")),
                attribute("service.name", string_value(""))}) == Texts{"m{job=s/} 1 @1000"});
  CHECK(labels({name, attribute("service.name", string_value("later"))})[0] == "m{job=n} 1 @1000");
  // An attribute of the resource that becomes a label `job` identifies it as well.
  CHECK(labels({attribute("job", string_value("j")), attribute("a", string_value("b"))}) ==
        Texts{"m{} 1 @1000", "target_info{a=b,job=j} 1 @1000"});
}

TEST_CASE("otlp_to_metrics: of promoted attributes that get one name the last one counts") {
  const Proto resource =
      resource_of({attribute("a.b", string_value("1")), attribute("a_b", string_value("2"))},
                  {metric_of("m", "", metric::kGauge, points_of({number_at(kSecond, 1)}))});
  CHECK(converted(resource, 1, {.promote_all_resource_attributes = true}) ==
        Texts{"m{a_b=2} 1 @1000"});
}

TEST_CASE("otlp_to_metrics: whatever is well-formed is converted or refused, with good labels") {
  for (const DeltaMode delta : {DeltaMode::refuse, DeltaMode::accumulate}) {
    ConverterBench bench(converters_otlp_to_metrics_plugin,
                         OtlpToMetricsConfig{.promote_all_resource_attributes = true,
                                             .promote_scope_metadata = true,
                                             .convert_histograms_to_nhcb = true,
                                             .delta = delta});
    for_random_batches(Signal::metrics, 7, 1000, [&](OtlpBatch& batch) {
      bench.run(batch, [](Batch& any) {
        const auto& metrics = *batch_cast<MetricBatch>(any);
        const auto check = [](const MetricSeries& series) {
          std::string before;
          for (const Label& label : EncodedLabels(series.encoded_labels)) {
            CHECK(label.name > before);
            CHECK(!label.value.empty());
            CHECK(codec::valid_utf8(label.name));
            CHECK(codec::valid_utf8(label.value));
            before = label.name;
          }
        };
        std::for_each_n(metrics.series, metrics.size,
                        [&](const MetricSeries* series) { check(*series); });
        for (const HistogramRow& row : metrics.histograms) {
          check(*row.series);
        }
      });
    });
  }
}

TEST_CASE("otlp_to_metrics: keeps the component contract") {
  const testkit::PluginHarness harness(converters_otlp_to_metrics_plugin,
                                       "promote_resource_attributes: [host.name]");
  harness.check_options();
  testkit::Samples samples;
  samples.push_back(
      {"ordinary", [](testkit::ManualLane&, const auto& use) {
         OtlpBatchOf made(
             Signal::metrics,
             {{resource_message("a",
                                {scope_of("s", {gauge_of("g", points_of({number_point_of(1),
                                                                         number_point_of(2)}))})}),
               2},
              {alone(metric_of("d", "", metric::kSum,
                               points_of({number_at(kSecond, 1)}, kDelta, true))),
               1}});
         use(made.batch());
       }});
  harness.check_converter(samples, describe_text);
}
