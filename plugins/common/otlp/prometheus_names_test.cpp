#include "plugins/common/otlp/prometheus_names.h"

#include <string>

#include <doctest/doctest.h>

using namespace tailrace::common::otlp;

namespace {

constexpr auto kUsual = Translation::underscores_with_suffixes;

std::string gauge(std::string_view name, std::string_view unit) {
  return metric_name(name, unit, NameKind::gauge, kUsual);
}
std::string counter(std::string_view name, std::string_view unit) {
  return metric_name(name, unit, NameKind::counter, kUsual);
}
std::string other(std::string_view name, std::string_view unit = "") {
  return metric_name(name, unit, NameKind::other, kUsual);
}

}  // namespace

TEST_CASE("metric_name: units, _total and _ratio as Prometheus's own OTLP endpoint adds them") {
  CHECK(counter("system.disk.io", "By") == "system_disk_io_bytes_total");
  CHECK(counter("http.requests", "{request}") == "http_requests_total");
  CHECK(counter("requests_total", "") == "requests_total");
  CHECK(counter("total.requests", "") == "requests_total");
  CHECK(gauge("cpu.utilization", "1") == "cpu_utilization_ratio");
  CHECK(counter("hits", "1") == "hits_total");
  CHECK(other("http.server.duration", "ms") == "http_server_duration_milliseconds");
  CHECK(other("request_duration_seconds", "s") == "request_duration_seconds");
  CHECK(gauge("broken.metric.speed", "km/h") == "broken_metric_speed_km_per_hour");
  CHECK(gauge("network", "By/s") == "network_bytes_per_second");
  CHECK(gauge("speed", "m/m") == "speed_meters_per_minute");
  CHECK(gauge("drops", "{packet}/s") == "drops_per_second");
  CHECK(gauge("odd", "a//b") == "odd_a_per_b");
  CHECK(gauge("temperature", " Cel ") == "temperature_celsius");
  CHECK(gauge("usage", "%") == "usage_percent");
}

TEST_CASE("metric_name: characters that no name may hold") {
  CHECK(other("a..b__c-d") == "a_b_c_d");
  CHECK(other("2xx.rate") == "_2xx_rate");
  CHECK(other("job:rate") == "job:rate");
  CHECK(other("gr\xc3\xb6\xc3\x9f"
              "e") == "gr_e");
  CHECK(other("...").empty());
  CHECK(other("").empty());
  CHECK(other("_") == "");
}

TEST_CASE("metric_name: the other strategies") {
  const auto without = [](std::string_view name) {
    return metric_name(name, "s", NameKind::counter, Translation::underscores_without_suffixes);
  };
  CHECK(without("http.server__duration") == "http_server__duration");
  CHECK(without("2xx") == "_2xx");
  const auto utf8 = [](std::string_view name, std::string_view unit, NameKind kind) {
    return metric_name(name, unit, kind, Translation::utf8_with_suffixes);
  };
  CHECK(utf8("http.server.duration", "ms", NameKind::other) == "http.server.duration_milliseconds");
  CHECK(utf8("disk.io", "By/s", NameKind::counter) == "disk.io_bytes_per_second_total");
  CHECK(utf8("disk.io.total", "By", NameKind::counter) == "disk.io_bytes_total");
  CHECK(utf8("cpu", "1", NameKind::gauge) == "cpu_ratio");
  CHECK(metric_name("a.b", "s", NameKind::counter, Translation::none) == "a.b");
}

TEST_CASE("unit_name: what is told of a family") {
  CHECK(unit_name("s", kUsual) == "seconds");
  CHECK(unit_name("By/s", kUsual) == "bytes_per_second");
  CHECK(unit_name("{packet}", kUsual).empty());
  CHECK(unit_name("1", kUsual).empty());
  CHECK(unit_name("{packet}/s", kUsual) == "per_second");
  CHECK(unit_name("", kUsual).empty());
}

TEST_CASE("unit_of_words: and back") {
  CHECK(unit_of_words("seconds") == "s");
  CHECK(unit_of_words("bytes_per_second") == "By/s");
  CHECK(unit_of_words("ratio") == "1");
  CHECK(unit_of_words("widgets") == "widgets");
  CHECK(unit_of_words("").empty());
}
