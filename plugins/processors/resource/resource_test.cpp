#include "plugins/processors/resource/resource.h"

#include <string>

#include <doctest/doctest.h>

#include "plugins/common/otlp/batch_of_test.h"
#include "plugins/common/otlp/random_batches_test.h"
#include "testkit/config_text.h"
#include "testkit/converter_bench.h"
#include "testkit/plugin_harness.h"

namespace tailrace {
extern const PluginDescriptor processors_resource_plugin;
}

using namespace tailrace;
using namespace tailrace::common::otlp::test;
using processors::resource::ResourceConfig;
namespace otlp = common::otlp;

namespace {

std::string after(const ResourceConfig& config, const Proto& message,
                  Signal signal = Signal::traces) {
  testkit::ConverterBench bench(processors_resource_plugin, config);
  OtlpBatchOf made(signal, {{message, 1}});
  std::string out;
  bench.run(made.batch(), [&](Batch& batch) { out = otlp_cast(batch)->resources[0]; });
  return out;
}

/// A ResourceX whose Resource holds these attributes between fields that nobody knows.
Proto resource_with(std::initializer_list<Proto> attributes) {
  Proto resource;
  resource.varint(15, 7);
  for (const Proto& one : attributes) {
    resource.message(otlp::resource::kAttributes, one);
  }
  resource.varint(otlp::resource::kDroppedAttributes, 3);
  return Proto()
      .text(14, "before")
      .message(otlp::resource_x::kResource, resource)
      .message(otlp::resource_x::kScopes, scope_of("s", {span_of(1)}))
      .text(otlp::resource_x::kSchemaUrl, "url");
}
/// The same with what was added behind everything else.
Proto resource_with_added(std::initializer_list<Proto> attributes,
                          std::initializer_list<Proto> added) {
  Proto resource;
  resource.varint(15, 7);
  for (const Proto& one : attributes) {
    resource.message(otlp::resource::kAttributes, one);
  }
  resource.varint(otlp::resource::kDroppedAttributes, 3);
  for (const Proto& one : added) {
    resource.message(otlp::resource::kAttributes, one);
  }
  return Proto()
      .text(14, "before")
      .message(otlp::resource_x::kResource, resource)
      .message(otlp::resource_x::kScopes, scope_of("s", {span_of(1)}))
      .text(otlp::resource_x::kSchemaUrl, "url");
}

Proto text_attribute(std::string_view name, std::string_view value) {
  return attribute(name, string_value(value));
}

}  // namespace

TEST_CASE("resource: what is added, changed and dropped leaves every other byte as it was") {
  const Proto number = attribute("n", Proto().varint(otlp::any_value::kInt, 42));
  const Proto before = resource_with({text_attribute("a", "1"), number, text_attribute("b", "2")});
  CHECK(after({.add = {{"new", "x"}}}, before) ==
        resource_with_added({text_attribute("a", "1"), number, text_attribute("b", "2")},
                            {text_attribute("new", "x")})
            .bytes());
  CHECK(after({.drop = {"a", "none"}}, before) ==
        resource_with({number, text_attribute("b", "2")}).bytes());
  CHECK(
      after({.upsert = {{"a", "9"}}}, before) ==
      resource_with_added({number, text_attribute("b", "2")}, {text_attribute("a", "9")}).bytes());
  CHECK(after({.rename = {{"n", "number"}}}, before) ==
        resource_with({text_attribute("a", "1"),
                       attribute("number", Proto().varint(otlp::any_value::kInt, 42)),
                       text_attribute("b", "2")})
            .bytes());
}

TEST_CASE("resource: add leaves what is there, and what needs no change is not copied") {
  const Proto before = resource_with({text_attribute("a", "1")});
  testkit::ConverterBench bench(processors_resource_plugin,
                                ResourceConfig{.drop = {"x"}, .add = {{"a", "other"}}});
  OtlpBatchOf made(Signal::logs, {{before, 1}});
  const std::string_view given = made.batch().resources[0];
  bench.run(made.batch(), [&](Batch& batch) {
    CHECK(otlp_cast(batch)->resources[0].data() == given.data());
    CHECK(otlp_cast(batch)->resources[0].size() == given.size());
  });
}

TEST_CASE("resource: a renamed attribute takes the place of one of that name; then comes drop") {
  const Proto before = resource_with({text_attribute("a", "1"), text_attribute("b", "2")});
  CHECK(after({.rename = {{"b", "a"}}}, before) ==
        resource_with({text_attribute("a", "2")}).bytes());
  CHECK(after({.rename = {{"b", "c"}}, .drop = {"c"}}, before) ==
        resource_with({text_attribute("a", "1")}).bytes());
  CHECK(after({.rename = {{"b", "c"}}, .drop = {"b"}}, before) ==
        resource_with({text_attribute("a", "1"), text_attribute("c", "2")}).bytes());
  CHECK(after({.drop = {"a"}, .add = {{"a", "3"}}}, before) ==
        resource_with_added({text_attribute("b", "2")}, {text_attribute("a", "3")}).bytes());
}

TEST_CASE("resource: a message without a resource gets one") {
  const Proto before = Proto().text(otlp::resource_x::kSchemaUrl, "url");
  CHECK(after({.upsert = {{"a", "1"}}}, before, Signal::metrics) ==
        Proto(before.bytes())
            .message(otlp::resource_x::kResource,
                     Proto().message(otlp::resource::kAttributes, text_attribute("a", "1")))
            .bytes());
  CHECK(after({.drop = {"a"}}, before) == before.bytes());
}

TEST_CASE("resource: a config with nothing to do is refused, and one that contradicts itself") {
  ConfigIssues issues;
  ConfigContext context{issues, "processors.r"};
  ResourceConfig{}.validate(ConfigValue{}, context);
  CHECK(issues.issues().size() == 1);
  ResourceConfig{.add = {{"a", "1"}}, .upsert = {{"a", "2"}}}.validate(ConfigValue{}, context);
  CHECK(issues.issues().size() == 2);
  ResourceConfig{.add = {{"a", "1"}}, .upsert = {{"b", "2"}}}.validate(ConfigValue{}, context);
  CHECK(issues.issues().size() == 2);
  for (const char* nameless :
       {"add: {'': x}", "upsert: {'': x}", "drop: [a, '']", "rename: {a: ''}", "rename: {'': a}"}) {
    CAPTURE(nameless);
    CHECK_FALSE(
        testkit::read_config<ResourceConfig>(processors::resource::resource_schema(), nameless)
            .ok());
  }
}

TEST_CASE("resource: whatever is well-formed stays so, with all its records") {
  testkit::ConverterBench bench(
      processors_resource_plugin,
      ResourceConfig{
          .rename = {{"a", "b"}}, .drop = {"k"}, .add = {{"n", "1"}}, .upsert = {{"x", "2"}}});
  for (const Signal signal : {Signal::traces, Signal::logs, Signal::metrics}) {
    for_random_batches(signal, 9, 300, [&](OtlpBatch& given) {
      bench.run(given, [&](Batch& any) {
        const OtlpBatch& batch = *otlp_cast(any);
        for (uint32_t i = 0; i < batch.size; ++i) {
          CHECK(otlp::test::records_of(signal, batch.resources[i]) == batch.records[i]);
        }
      });
    });
  }
}

TEST_CASE("resource: keeps the component contract") {
  const testkit::PluginHarness harness(processors_resource_plugin,
                                       "rename: {a: b}\ndrop: [c]\nadd: {d: e}\nupsert: {f: g}");
  harness.check_options();
  testkit::Samples samples;
  for (const Signal signal : {Signal::logs, Signal::metrics, Signal::traces}) {
    samples.push_back(
        {to_string(signal), [signal](testkit::ManualLane&, const auto& use) {
           OtlpBatchOf made(signal, {{resource_with({text_attribute("a", "1")}), 1}, {Proto(), 0}});
           use(made.batch());
         }});
  }
  harness.check_processor(samples, text_of_resources);
}
