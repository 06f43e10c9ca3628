#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "tailrace/metric_batch.h"
#include "tailrace/otlp_batch.h"
#include "tailrace/plugin.h"

#include "plugins/common/otlp/append_fields.h"
#include "plugins/converters/otlp_to_metrics/otlp_to_metrics_config.h"
#include "testkit/converter_bench.h"

namespace tailrace {
extern const PluginDescriptor converters_otlp_to_metrics_plugin;
}

/// OTLP's data points to rows, as an SDK sends the same series again and again.
///
///   micro --benchmark_filter=otlp_to_metrics
namespace {

using namespace tailrace;
namespace otlp = common::otlp;
using otlp::append_double;
using otlp::append_field;
using otlp::append_fixed64;
using otlp::append_text_attribute;
using otlp::append_varint;

constexpr uint64_t kNow = 1'767'322'445'000'000'000;
constexpr uint64_t kCumulative = 2;
constexpr int kPointsPerMetric = 20;

/// Five attributes, of which one is a number.
void append_attributes(std::string& point, uint32_t field, int number) {
  append_text_attribute(point, field, "http.request.method", number % 2 == 0 ? "GET" : "POST");
  append_text_attribute(point, field, "http.route", fmt::format("/api/v1/thing{}", number));
  append_text_attribute(point, field, "server.address", "shop.example.com");
  append_text_attribute(point, field, "url.scheme", "https");
  std::string value;
  append_varint(value, otlp::any_value::kInt, 200 + static_cast<uint64_t>(number % 5));
  std::string pair;
  append_field(pair, otlp::key_value::kKey, "http.response.status_code");
  append_field(pair, otlp::key_value::kValue, value);
  append_field(point, field, pair);
}

std::string number_point(int number) {
  std::string point;
  append_fixed64(point, otlp::number_point::kStartTime, kNow - 1);
  append_fixed64(point, otlp::number_point::kTime, kNow);
  append_double(point, otlp::number_point::kAsDouble, number);
  append_attributes(point, otlp::number_point::kAttributes, number);
  return point;
}

/// Of 14 bounds, as SDKs have them by default.
std::string histogram_point(int number) {
  std::string counts;
  std::string bounds;
  for (uint64_t i = 0; i < 15; ++i) {
    counts.append(reinterpret_cast<const char*>(&i), sizeof i);
    const auto bound = static_cast<double>(i * i);
    bounds.append(i < 14 ? std::string(reinterpret_cast<const char*>(&bound), sizeof bound) : "");
  }
  std::string point;
  append_fixed64(point, otlp::histogram_point::kTime, kNow);
  append_fixed64(point, otlp::histogram_point::kCount, 105);
  append_double(point, otlp::histogram_point::kSum, 12.5);
  append_field(point, otlp::histogram_point::kBucketCounts, counts);
  append_field(point, otlp::histogram_point::kExplicitBounds, bounds);
  append_attributes(point, otlp::histogram_point::kAttributes, number);
  return point;
}

/// One resource with so many metrics.
std::string resource_of(int metrics, bool histograms) {
  std::string resource;
  for (const auto& [name, value] :
       {std::pair("service.name", "shop"), std::pair("service.namespace", "prod"),
        std::pair("service.instance.id", "shop-7f9c-1"),
        std::pair("k8s.pod.name", "shop-7f9c-1")}) {
    append_text_attribute(resource, otlp::resource::kAttributes, name, value);
  }
  std::string scope;
  for (int i = 0; i < metrics; ++i) {
    std::string data;
    for (int k = 0; k < kPointsPerMetric; ++k) {
      append_field(data, otlp::metric_data::kPoints,
                   histograms ? histogram_point(k) : number_point(k));
    }
    append_varint(data, otlp::metric_data::kTemporality, kCumulative);
    append_varint(data, otlp::metric_data::kIsMonotonic, histograms ? 0 : 1);
    std::string metric;
    append_field(metric, otlp::metric::kName, fmt::format("http.server.request.{}", i));
    append_field(metric, otlp::metric::kUnit, "s");
    append_field(metric, histograms ? otlp::metric::kHistogram : otlp::metric::kSum, data);
    append_field(scope, otlp::scope_x::kRecords, metric);
  }
  std::string message;
  append_field(message, otlp::resource_x::kResource, resource);
  append_field(message, otlp::resource_x::kScopes, scope);
  return message;
}

void otlp_to_metrics(benchmark::State& state) {
  const auto metrics = static_cast<int>(state.range(0));
  const std::string message = resource_of(metrics, state.range(1) != 0);
  std::string_view resource = message;
  auto records = static_cast<uint32_t>(metrics * kPointsPerMetric);
  auto bytes = static_cast<uint32_t>(message.size());
  OtlpBatch batch(Signal::metrics);
  batch.size = 1;
  batch.resources = &resource;
  batch.records = &records;
  batch.source_bytes = &bytes;
  testkit::ConverterBench bench(converters_otlp_to_metrics_plugin,
                                converters::otlp_to_metrics::OtlpToMetricsConfig{});
  uint64_t rows = 0;
  for (auto _ : state) {
    bench.run(batch, [&](Batch& made) { rows += static_cast<MetricBatch&>(made).size; });
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * records);
  state.counters["rows"] =
      benchmark::Counter(static_cast<double>(rows), benchmark::Counter::kIsRate);
}
BENCHMARK(otlp_to_metrics)->ArgNames({"metrics", "histograms"})->Args({50, 0})->Args({50, 1});

}  // namespace
