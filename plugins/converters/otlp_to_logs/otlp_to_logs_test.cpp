#include "plugins/converters/otlp_to_logs/otlp_to_logs.h"

#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/common/otlp/batch_of_test.h"
#include "plugins/common/otlp/random_batches_test.h"
#include "testkit/converter_bench.h"
#include "testkit/log_records.h"
#include "testkit/plugin_harness.h"

namespace tailrace {
extern const PluginDescriptor converters_otlp_to_logs_plugin;
}

using namespace tailrace;
using namespace tailrace::common::otlp;
using namespace tailrace::common::otlp::test;
using converters::otlp_to_logs::OtlpToLogs;
using converters::otlp_to_logs::OtlpToLogsConfig;
using testkit::ConverterBench;
using testkit::LogRecord;

namespace {

using Resources = std::vector<std::pair<Proto, uint32_t>>;
using Meta = std::map<std::string, std::string>;

std::vector<LogRecord> converted(const Resources& resources, OtlpToLogsConfig config = {}) {
  ConverterBench bench(converters_otlp_to_logs_plugin, std::move(config));
  OtlpBatchOf made(Signal::logs, resources);
  std::vector<LogRecord> records;
  bench.run(made.batch(), [&](Batch& batch) {
    for (LogRecord& record : testkit::copy_records(*batch_cast<LogBatch>(batch))) {
      records.push_back(std::move(record));
    }
  });
  return records;
}

Meta meta_of(const LogRecord& record) {
  return {record.metadata.begin(), record.metadata.end()};
}

Proto with_attributes(std::initializer_list<Proto> attributes) {
  Proto resource;
  for (const Proto& one : attributes) {
    resource.message(resource::kAttributes, one);
  }
  return Proto().message(resource_x::kResource, resource);
}
/// One record within a resource and an unnamed scope.
Proto one_record(const Proto& resource, const Proto& record) {
  return Proto(resource.bytes()).message(resource_x::kScopes, scope_of("", {record}));
}
Proto map_of(const Proto& pair) {
  return Proto().message(any_value::kKeyValueList, Proto().message(value_list::kValues, pair));
}

}  // namespace

TEST_CASE("otlp_to_logs: a record as Loki's own endpoint has it") {
  // The rules: Loki pkg/loghttp/push/otlp.go. Labels from the chosen resource attributes, all else
  // is metadata.
  const Proto record =
      Proto()
          .fixed64(log_record::kTime, 1'700'000'000'000'000'001)
          .fixed64(log_record::kObservedTime, 1'700'000'000'000'000'099)
          .varint(log_record::kSeverityNumber, 13)
          .text(log_record::kSeverityText, "WARN")
          .message(log_record::kBody, string_value("disk is full"))
          .message(log_record::kAttributes, attribute("http.code", Proto().varint(3, 503)))
          .message(log_record::kAttributes,
                   attribute("user", map_of(attribute("first-name", string_value("Ann")))))
          .varint(log_record::kDroppedAttributes, 2)
          .fixed32(log_record::kFlags, 1)
          .text(log_record::kTraceId, trace_id(7))
          .text(log_record::kSpanId, span_id(8))
          .text(log_record::kEventName, "alarm");
  const Proto scope =
      Proto()
          .message(scope_x::kScope,
                   Proto()
                       .text(scope::kName, "lib")
                       .text(scope::kVersion, "1.2")
                       .message(scope::kAttributes, attribute("k", Proto().varint(2, 1)))
                       .varint(scope::kDroppedAttributes, 4))
          .message(scope_x::kRecords, record);
  const Proto resource = with_attributes({attribute("service.name", string_value("shop")),
                                          attribute("k8s.pod.name", string_value("shop-1")),
                                          attribute("host.name", string_value("node-a"))})
                             .message(resource_x::kScopes, scope);
  const auto records = converted({{resource, 1}});
  REQUIRE(records.size() == 1);
  CHECK(records[0].body == "disk is full");
  CHECK(records[0].timestamp == 1'700'000'000'000'000'001);
  CHECK((records[0].severity == Severity::warn));
  CHECK(records[0].labels == Meta{{"service_name", "shop"}, {"k8s_pod_name", "shop-1"}});
  CHECK(meta_of(records[0]) == Meta{{"http_code", "503"},
                                    {"user_first_name", "Ann"},
                                    {"observed_timestamp", "1700000000000000099"},
                                    {"severity_number", "13"},
                                    {"severity_text", "WARN"},
                                    {"dropped_attributes_count", "2"},
                                    {"flags", "1"},
                                    {"trace_id", "01010101010101010101010101010107"},
                                    {"span_id", "0202020202020208"},
                                    {"event_name", "alarm"},
                                    {"host_name", "node-a"},
                                    {"k", "true"},
                                    {"scope_name", "lib"},
                                    {"scope_version", "1.2"},
                                    {"scope_dropped_attributes_count", "4"}});
}

TEST_CASE("otlp_to_logs: without a time the observed one counts, and is no metadata") {
  const auto records = converted(
      {{one_record(with_attributes({}), Proto().fixed64(log_record::kObservedTime, 77)), 1}});
  REQUIRE(records.size() == 1);
  CHECK(records[0].timestamp == 77);
  CHECK(records[0].metadata.empty());
  CHECK(records[0].body.empty());
  CHECK(records[0].labels == Meta{{"service_name", "unknown_service"}});
}

TEST_CASE("otlp_to_logs: a body that is no text is JSON") {
  const Proto body = map_of(attribute("n", Proto().varint(any_value::kInt, 5)));
  const auto records = converted(
      {{one_record(with_attributes({}),
                   Proto().fixed64(log_record::kTime, 1).message(log_record::kBody, body)),
        1}});
  REQUIRE(records.size() == 1);
  CHECK(records[0].body == R"({"n":5})");
}

TEST_CASE("otlp_to_logs: the attributes that become labels can be chosen") {
  const Proto resource =
      with_attributes({attribute("service.name", string_value("shop")),
                       attribute("team", map_of(attribute("id", string_value("x")))),
                       attribute("empty", string_value(""))});
  const auto records = converted({{one_record(resource, Proto().fixed64(log_record::kTime, 1)), 1}},
                                 {.labels = {"team", "empty"}});
  REQUIRE(records.size() == 1);
  CHECK(records[0].labels == Meta{{"team_id", "x"}});
  CHECK(meta_of(records[0]) == Meta{{"service_name", "shop"}});
}

TEST_CASE("otlp_to_logs: the resource may stand behind its records") {
  const Proto resource =
      Proto()
          .message(resource_x::kScopes, scope_of("s", {log_of(1), log_of(2)}))
          .message(resource_x::kResource,
                   Proto().message(resource::kAttributes,
                                   attribute("service.name", string_value("late"))));
  const auto records = converted({{resource, 2}});
  REQUIRE(records.size() == 2);
  CHECK(records[1].labels == Meta{{"service_name", "late"}});
}

TEST_CASE("otlp_to_logs: many records come in several batches and weigh what the resource weighs") {
  ConverterBench bench(converters_otlp_to_logs_plugin, OtlpToLogsConfig{});
  Proto scope;
  for (int i = 0; i < 1000; ++i) {
    scope.message(scope_x::kRecords, log_of(i));
  }
  const Proto resource = Proto(with_attributes({}).bytes()).message(resource_x::kScopes, scope);
  OtlpBatchOf made(Signal::logs, {{resource, 1000}, {with_attributes({}), 0}});
  size_t records = 0;
  const auto result = bench.run(made.batch(), [&](Batch& batch) {
    CHECK(batch_cast<LogBatch>(batch)->size <= OtlpToLogs::kChunk);
    records += batch_cast<LogBatch>(batch)->size;
  });
  CHECK(records == 1000);
  CHECK(result.batches == 4);
  CHECK(result.pushed.records == 1000);
}

TEST_CASE("otlp_to_logs: a resource that would fill memory is refused, alone") {
  ConverterBench bench(converters_otlp_to_logs_plugin, OtlpToLogsConfig{});
  Proto scope;
  for (int i = 0; i < 10'000; ++i) {
    scope.message(scope_x::kRecords, Proto());
  }
  const Proto attack = with_attributes({attribute("a", string_value(std::string(20'000, 'x')))})
                           .message(resource_x::kScopes, scope);
  OtlpBatchOf made(Signal::logs,
                   {{attack, 10'000}, {resource_message("ok", {scope_of("s", {log_of(1)})}), 1}});
  const auto result = bench.run(made.batch(), [](Batch&) {});
  CHECK(result.refused.records == 10'000);
  CHECK(result.pushed.records == 1);
  CHECK(result.reasons == std::vector<std::string>{"metadata_multiplies"});
}

TEST_CASE("otlp_to_logs: whatever is well-formed is converted, record by record") {
  ConverterBench bench(converters_otlp_to_logs_plugin, OtlpToLogsConfig{});
  for_random_batches(Signal::logs, 8, 1000, [&](OtlpBatch& batch) {
    uint64_t lines = 0;
    const auto result = bench.run(batch, [&](Batch& any) {
      for (const LogRecord& record : testkit::copy_records(*batch_cast<LogBatch>(any))) {
        ++lines;
        CHECK(!record.labels.empty());
        for (const auto& [name, value] : record.metadata) {
          CHECK(is_label_name(name));
        }
      }
    });
    CHECK(lines == result.pushed.records);
  });
}

TEST_CASE("otlp_to_logs: keeps the component contract") {
  const testkit::PluginHarness harness(converters_otlp_to_logs_plugin, "labels: [service.name]");
  harness.check_options();
  testkit::Samples samples;
  samples.push_back({"ordinary", [](testkit::ManualLane&, const auto& use) {
                       OtlpBatchOf made(
                           Signal::logs,
                           {{resource_message("a", {scope_of("s", {log_of(1), log_of(2, "")}),
                                                    scope_of("t", {log_of(3)})}),
                             3},
                            {resource_message("b", {scope_of("s", {log_of(1)})}), 1}});
                       use(made.batch());
                     }});
  samples.push_back({"none", [](testkit::ManualLane&, const auto& use) {
                       OtlpBatchOf made(Signal::logs, {});
                       use(made.batch());
                     }});
  harness.check_converter(samples, testkit::describe_logs);
}
