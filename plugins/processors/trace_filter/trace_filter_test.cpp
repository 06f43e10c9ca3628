#include "plugins/processors/trace_filter/trace_filter.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/common/otlp/batch_of_test.h"
#include "plugins/common/otlp/random_batches_test.h"
#include "plugins/common/otlp/raw_fields.h"
#include "testkit/converter_bench.h"
#include "testkit/plugin_harness.h"

namespace tailrace {
extern const PluginDescriptor processors_trace_filter_plugin;
}

using namespace tailrace;
using namespace tailrace::common::otlp::test;
using processors::trace_filter::SpanRuleConfig;
using processors::trace_filter::TraceFilterConfig;
namespace otlp = common::otlp;

namespace {

using Resources = std::vector<std::pair<Proto, uint32_t>>;
using Texts = std::vector<std::string>;

struct Left {
  Texts resources;
  std::vector<uint32_t> records;
  Weight filtered;
};

Left run(const TraceFilterConfig& config, const Resources& resources) {
  testkit::ConverterBench bench(processors_trace_filter_plugin, config);
  OtlpBatchOf made(Signal::traces, resources);
  Left outcome;
  const auto result = bench.run(made.batch(), [&](Batch& batch) {
    const OtlpBatch& spans = *otlp_cast(batch);
    for (uint32_t i = 0; i < spans.size; ++i) {
      outcome.resources.emplace_back(spans.resources[i]);
      outcome.records.push_back(spans.records[i]);
    }
  });
  outcome.filtered = result.filtered;
  return outcome;
}

Proto span_with(std::string_view name, uint32_t status, uint32_t kind, uint64_t took) {
  return Proto()
      .text(otlp::span::kTraceId, trace_id(1))
      .text(otlp::span::kSpanId, span_id(1))
      .varint(otlp::span::kKind, kind)
      .fixed64(otlp::span::kStartTime, 1000)
      .fixed64(otlp::span::kEndTime, 1000 + took)
      .text(otlp::span::kName, name)
      .message(otlp::span::kStatus, Proto().varint(otlp::span_status::kCode, status));
}

/// Which of four spans of service `shop` go by this rule.
std::string dropped_by(const SpanRuleConfig& rule) {
  const std::vector<Proto> spans = {
      span_with("GET /healthz", 0, 2, 1'000'000), span_with("GET /cart", 1, 2, 20'000'000),
      span_with("SELECT cart", 2, 3, 5'000'000), span_with("publish", 0, 4, 0)};
  std::string dropped;
  for (size_t i = 0; i < spans.size(); ++i) {
    const auto outcome =
        run({.drop = {rule}}, {{resource_message("shop", {scope_of("s", {spans[i]})}), 1}});
    dropped += outcome.resources.empty() ? std::to_string(i) : "";
  }
  return dropped;
}

std::string last_id(uint64_t randomness) {
  std::string id(16, '\x01');
  for (size_t i = 0; i < 7; ++i) {
    id[15 - i] = static_cast<char>(randomness >> 8 * i);
  }
  return id;
}

}  // namespace

TEST_CASE("trace_filter: each condition on its own, and together") {
  CHECK(dropped_by({.service = {"shop"}}) == "0123");
  CHECK(dropped_by({.service = {"other"}}).empty());
  CHECK(dropped_by({.service_regex = "sh.*"}) == "0123");
  CHECK(dropped_by({.service_regex = "sh"}).empty());
  CHECK(dropped_by({.name_contains = {"healthz", "publ"}}) == "03");
  CHECK(dropped_by({.name_regex = "^(GET|SELECT) ?/?cart"}) == "12");
  CHECK(dropped_by({.status = {"error"}}) == "2");
  CHECK(dropped_by({.status = {"unset", "ok"}}) == "013");
  CHECK(dropped_by({.kind = {"server"}}) == "01");
  CHECK(dropped_by({.duration_at_least = std::chrono::milliseconds(5)}) == "12");
  CHECK(dropped_by({.duration_below = std::chrono::milliseconds(5)}) == "03");
  CHECK(dropped_by({.kind = {"server"}, .duration_at_least = std::chrono::milliseconds(5)}) == "1");
}

TEST_CASE("trace_filter: what stays is as it was, byte for byte") {
  const Proto keep_me = span_of(1, "keep me");
  const Proto drop_me = span_of(2, "drop me");
  const auto message = [&](std::initializer_list<Proto> spans, bool second_scope) {
    Proto scope =
        Proto().message(otlp::scope_x::kScope, Proto().text(otlp::scope::kName, "s")).varint(9, 1);
    for (const Proto& span : spans) {
      scope.message(otlp::scope_x::kRecords, span);
    }
    scope.text(otlp::scope_x::kSchemaUrl, "url");
    Proto resource = Proto().text(14, "unknown").message(otlp::resource_x::kScopes, scope);
    if (second_scope) {
      resource.message(otlp::resource_x::kScopes, scope_of("t", {drop_me}));
    }
    return resource.varint(13, 5);
  };
  const auto outcome = run({.drop = {{.name_contains = {"drop"}}}},
                           {{message({drop_me, keep_me, drop_me, keep_me}, true), 5},
                            {resource_message("gone", {scope_of("s", {drop_me})}), 1},
                            {resource_message("same", {scope_of("s", {keep_me})}), 1}});
  REQUIRE(outcome.resources.size() == 2);
  CHECK(outcome.resources[0] == message({keep_me, keep_me}, false).bytes());
  CHECK(outcome.resources[1] == resource_message("same", {scope_of("s", {keep_me})}).bytes());
  CHECK(outcome.records == std::vector<uint32_t>{2, 1});
  CHECK(outcome.filtered.records == 4);
}

TEST_CASE("trace_filter: keep lets through what matches, and drop wins") {
  const auto outcome =
      run({.drop = {{.name_contains = {"healthz"}}}, .keep = {{.kind = {"server"}}}},
          {{resource_message(
                "shop", {scope_of("s", {span_with("/healthz", 0, 2, 1), span_with("/cart", 0, 2, 1),
                                        span_with("/cart", 0, 3, 1)})}),
            3}});
  CHECK(outcome.records == std::vector<uint32_t>{1});
}

TEST_CASE("trace_filter: sampling writes the threshold into the tracestate of what it keeps") {
  const auto span = [](uint64_t randomness, std::string_view tracestate) {
    Proto made = Proto().text(otlp::span::kTraceId, last_id(randomness));
    if (!tracestate.empty()) {
      made.text(otlp::span::kTraceState, tracestate);
    }
    return made.text(otlp::span::kName, "n");
  };
  const uint64_t high = 0xf0000000000000;
  const auto outcome =
      run({.sample = {.probability = 0.25}},
          {{resource_message("a", {scope_of("s", {span(high, "x=y"), span(0x80000000000000, ""),
                                                  span(high, "ot=th:c")})}),
            3}});
  REQUIRE(outcome.resources.size() == 1);
  CHECK(outcome.resources[0] ==
        resource_message("a", {scope_of("s", {span(high, "ot=th:c,x=y"), span(high, "ot=th:c")})})
            .bytes());
  CHECK(outcome.filtered.records == 1);
  const auto without = run({.sample = {.probability = 0.25}},
                           {{resource_message("a", {scope_of("s", {span(high, "")})}), 1}});
  CHECK(
      without.resources.at(0) ==
      resource_message(
          "a",
          {scope_of("s", {Proto(span(high, "").bytes()).text(otlp::span::kTraceState, "ot=th:c")})})
          .bytes());
}

TEST_CASE("trace_filter: all or none of a probability") {
  const Resources some = {{resource_message("a", {scope_of("s", {span_of(1), span_of(2)})}), 2}};
  CHECK(run({.sample = {.probability = 0}}, some).filtered.records == 2);
}

TEST_CASE("trace_filter: a config that does nothing, or a rule without a condition, is refused") {
  ConfigIssues issues;
  ConfigContext context{issues, "processors.t"};
  TraceFilterConfig{}.validate(ConfigValue{}, context);
  CHECK(issues.issues().size() == 1);
  TraceFilterConfig{.drop = {{}}}.validate(ConfigValue{}, context);
  CHECK(issues.issues().size() == 2);
  TraceFilterConfig{.sample = {.probability = 0.5}}.validate(ConfigValue{}, context);
  CHECK(issues.issues().size() == 2);
  const Duration ten(std::chrono::seconds(10));
  TraceFilterConfig{.drop = {{.duration_at_least = ten, .duration_below = ten}}}.validate(
      ConfigValue{}, context);
  CHECK(issues.issues().size() == 3);
}

TEST_CASE("trace_filter: whatever is well-formed stays so, and is counted right") {
  testkit::ConverterBench bench(
      processors_trace_filter_plugin,
      TraceFilterConfig{.drop = {{.kind = {"server"}}}, .sample = {.probability = 0.5}});
  for_random_batches(Signal::traces, 10, 600, [&](OtlpBatch& given) {
    bench.run(given, [&](Batch& any) {
      const OtlpBatch& batch = *otlp_cast(any);
      for (uint32_t i = 0; i < batch.size; ++i) {
        CHECK(otlp::test::records_of(Signal::traces, batch.resources[i]) == batch.records[i]);
      }
    });
  });
}

TEST_CASE("trace_filter: keeps the component contract") {
  const testkit::PluginHarness harness(
      processors_trace_filter_plugin,
      "drop:\n  - name_contains: [healthz]\nkeep:\n  - kind: [server]\nsample: {probability: 0.5}");
  harness.check_options();
  testkit::Samples samples;
  samples.push_back(
      {"spans", [](testkit::ManualLane&, const auto& use) {
         OtlpBatchOf made(
             Signal::traces,
             {{resource_message("a", {scope_of("s", {span_of(1), span_of(200)})}), 2},
              {resource_message("b", {scope_of("s", {span_of(255, "/healthz")})}), 1}});
         use(made.batch());
       }});
  harness.check_processor(samples, text_of_resources);
}
