#include "plugins/converters/logs_to_otlp/logs_to_otlp.h"

#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/common/otlp/batch_of_test.h"
#include "testkit/converter_bench.h"
#include "testkit/log_records.h"
#include "testkit/plugin_harness.h"

namespace tailrace {
extern const PluginDescriptor converters_logs_to_otlp_plugin;
}

using namespace tailrace;
using namespace tailrace::common::otlp::test;
using converters::logs_to_otlp::LogsToOtlpConfig;
using testkit::LogRecord;
namespace otlp = common::otlp;

namespace {

using Texts = std::map<std::string, std::string>;

std::string converted(const Texts& labels, const std::vector<LogRecord>& records,
                      const LogsToOtlpConfig& config = {}) {
  testkit::ConverterBench bench(converters_logs_to_otlp_plugin, config);
  testkit::LogBatchOf made(bench.lane().labels(), bench.lane().arena(), labels, records);
  std::string out;
  bench.run(made.batch(), [&](Batch& batch) {
    REQUIRE(otlp_cast(batch) != nullptr);
    REQUIRE(otlp_cast(batch)->size == 1);
    out = otlp_cast(batch)->resources[0];
  });
  return out;
}

Proto resource_of(std::initializer_list<std::pair<const char*, const char*>> attributes,
                  std::initializer_list<Proto> records) {
  Proto resource;
  for (const auto& [name, value] : attributes) {
    resource.message(otlp::resource::kAttributes, attribute(name, string_value(value)));
  }
  Proto scope;
  for (const Proto& record : records) {
    scope.message(otlp::scope_x::kRecords, record);
  }
  return Proto()
      .message(otlp::resource_x::kResource, resource)
      .message(otlp::resource_x::kScopes, scope);
}

Proto text_attribute(const char* name, const char* value) {
  return Proto().message(otlp::log_record::kAttributes, attribute(name, string_value(value)));
}

}  // namespace

TEST_CASE("logs_to_otlp: a container's log, by the semantic conventions") {
  const Proto record =
      Proto()
          .fixed64(otlp::log_record::kTime, 1'700'000'000'000'000'001)
          .varint(otlp::log_record::kSeverityNumber, 13)
          .text(otlp::log_record::kSeverityText, "WARN")
          .message(otlp::log_record::kBody, string_value("disk is full"))
          .message(otlp::log_record::kAttributes, attribute("log.iostream", string_value("stderr")))
          .message(otlp::log_record::kAttributes, attribute("user", string_value("ann")))
          .text(otlp::log_record::kTraceId, trace_id(7))
          .text(otlp::log_record::kSpanId, span_id(8));
  CHECK(converted({{"namespace", "prod"},
                   {"pod", "shop-1"},
                   {"container", "web"},
                   {"stream", "stderr"},
                   {"env", "eu"}},
                  {{.body = "disk is full",
                    .timestamp = 1'700'000'000'000'000'001,
                    .severity = Severity::warn,
                    .metadata = {{"trace_id", "01010101010101010101010101010107"},
                                 {"user", "ann"},
                                 {"span_id", "0202020202020208"}}}}) ==
        resource_of({{"k8s.container.name", "web"},
                     {"env", "eu"},
                     {"k8s.namespace.name", "prod"},
                     {"k8s.pod.name", "shop-1"},
                     {"service.name", "web"}},
                    {record})
            .bytes());
}

TEST_CASE("logs_to_otlp: several records, without severity or metadata") {
  const auto record = [](uint64_t time, std::string_view text) {
    return Proto()
        .fixed64(otlp::log_record::kTime, time)
        .message(otlp::log_record::kBody, string_value(text));
  };
  CHECK(converted({{"service_name", "s"}}, {{.body = "a", .timestamp = 1}, {.body = ""}}) ==
        resource_of({{"service.name", "s"}}, {record(1, "a"), record(0, "")}).bytes());
}

TEST_CASE("logs_to_otlp: what Loki would take for the service is its name") {
  CHECK(converted({{"job", "j"}, {"app", "a"}}, {{.body = "x"}})
            .find("service.name\x12\x03\x0a\x01"
                  "a") != std::string::npos);
  CHECK(converted({{"x", "y"}}, {{.body = "x"}}).find("unknown_service") != std::string::npos);
}

TEST_CASE("logs_to_otlp: attributes can be named") {
  CHECK(converted({{"stream", "stdout"}, {"service_name", "s"}}, {{.body = "x", .timestamp = 1}},
                  {.attributes = {{"stream", "io"}}}) ==
        resource_of({{"service.name", "s"}, {"io", "stdout"}},
                    {Proto()
                         .fixed64(otlp::log_record::kTime, 1)
                         .message(otlp::log_record::kBody, string_value("x"))})
            .bytes());
}

TEST_CASE("logs_to_otlp: metadata that only looks like a field stays an attribute") {
  const std::string message = converted(
      {{"service_name", "s"}},
      {{.body = "x",
        .timestamp = 1,
        .metadata = {{"trace_id", "not hex"}, {"span_id", "00"}, {"observed_timestamp", "soon"}}}});
  CHECK(message == resource_of({{"service.name", "s"}},
                               {Proto(Proto()
                                          .fixed64(otlp::log_record::kTime, 1)
                                          .message(otlp::log_record::kBody, string_value("x"))
                                          .bytes() +
                                      text_attribute("trace_id", "not hex").bytes() +
                                      text_attribute("span_id", "00").bytes() +
                                      text_attribute("observed_timestamp", "soon").bytes())})
                       .bytes());
}

TEST_CASE("logs_to_otlp: text that is no UTF-8 is repaired") {
  CHECK(converted({{"service_name", "s"}}, {{.body = "a\xff"}}).find("a\xef\xbf\xbd") !=
        std::string::npos);
}

TEST_CASE("logs_to_otlp: keeps the component contract") {
  const testkit::PluginHarness harness(converters_logs_to_otlp_plugin,
                                       "attributes: {app: service.name}");
  harness.check_options();
  harness.check_converter(testkit::log_samples(), common::otlp::test::text_of_resources);
}
