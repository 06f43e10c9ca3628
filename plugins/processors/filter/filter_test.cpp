#include "plugins/processors/filter/filter.h"

#include <doctest/doctest.h>

#include "testkit/processor_bench.h"

namespace tailrace {
extern const PluginDescriptor processors_filter_plugin;
}

using namespace tailrace;
using namespace tailrace::processors::filter;
using tailrace::testkit::bodies_of;
using tailrace::testkit::LogRecord;
using tailrace::testkit::ProcessorBench;
using Lines = std::vector<std::string>;

namespace {

ProcessorBench bench(FilterConfig config) {
  return ProcessorBench(processors_filter_plugin, std::move(config));
}

std::vector<LogRecord> with_severities() {
  return {{.body = "t", .severity = Severity::trace}, {.body = "d", .severity = Severity::debug},
          {.body = "i", .severity = Severity::info},  {.body = "i2", .severity = Severity{10}},
          {.body = "w", .severity = Severity::warn},  {.body = "e", .severity = Severity::error},
          {.body = "f", .severity = Severity::fatal}, {.body = "?"}};
}

}  // namespace

TEST_CASE("filter: drops lines that contain one of the texts, keeps the others in order") {
  auto subject = bench({.drop = {{.contains = {"/healthz", "/readyz"}}}});
  const auto out = subject.run_lines({"a", "GET /healthz 200", "b", "GET /readyz", "", "c"});
  CHECK(bodies_of(out) == Lines{"a", "b", "", "c"});
  CHECK(out[1].timestamp == 3);
  CHECK(subject.filtered() == Weight{2, 17 + 12});
  CHECK(subject.count("filter_dropped_records_total", {{"rule", "drop[0]"}}) == 2);
}

TEST_CASE(
    "filter: an untouched batch passes as one, a batch of which nothing stays is not pushed") {
  auto subject = bench({.drop = {{.contains = {"x"}}}});
  CHECK(subject.run_lines({"a", "b"}).size() == 2);
  CHECK(subject.batches() == 1);
  CHECK(subject.run_lines({"x1", "x2"}).empty());
  CHECK(subject.batches() == 0);
  CHECK(subject.filtered().records == 2);
}

TEST_CASE("filter: severity bounds hold for the known ones only") {
  auto at_least = bench({.keep = {{.severity_at_least = Severity::warn}}});
  CHECK(bodies_of(at_least.run({}, with_severities())) == Lines{"w", "e", "f"});
  CHECK(at_least.count("filter_dropped_records_total", {{"rule", "keep"}}) == 5);

  auto below = bench({.drop = {{.severity_below = Severity::info}}});
  CHECK(bodies_of(below.run({}, with_severities())) == Lines{"i", "i2", "w", "e", "f", "?"});

  auto between =
      bench({.keep = {{.severity_at_least = Severity::info, .severity_below = Severity::error}}});
  CHECK(bodies_of(between.run({}, with_severities())) == Lines{"i", "i2", "w"});

  auto unknown = bench({.keep = {{.severity_unknown = true}}});
  CHECK(bodies_of(unknown.run({}, with_severities())) == Lines{"?"});
  CHECK(bodies_of(unknown.run_lines({"no severities at all"})).size() == 1);

  auto either =
      bench({.keep = {{.severity_at_least = Severity::error}, {.severity_unknown = true}}});
  CHECK(bodies_of(either.run({}, with_severities())) == Lines{"e", "f", "?"});
}

TEST_CASE("filter: rules on labels only decide for the whole stream") {
  auto subject = bench({.drop = {{.labels = {{"app", "noisy"}}},
                                 {.labels_regex = {{"namespace", "dev-.*"}}},
                                 {.labels = {{"team", ""}, {"app", "orphan"}}}}});
  CHECK(subject.run_lines({"1", "2"}, {{"app", "noisy"}}).empty());
  CHECK(subject.filtered() == Weight{2, 4});
  CHECK(subject.count("filter_dropped_records_total", {{"rule", "drop[0]"}}) == 2);
  CHECK(subject.run_lines({"1"}, {{"app", "x"}, {"namespace", "dev-7"}}).empty());
  CHECK(subject.run_lines({"1"}, {{"app", "x"}, {"namespace", "my-dev-7"}}).size() == 1);
  CHECK(subject.run_lines({"1"}, {{"app", "orphan"}}).empty());
  CHECK(subject.run_lines({"1"}, {{"app", "orphan"}, {"team", "a"}}).size() == 1);
}

TEST_CASE("filter: all conditions of a rule must hold") {
  auto subject = bench({.drop = {{.labels = {{"app", "a"}},
                                  .severity_below = Severity::warn,
                                  .contains = {"ping"},
                                  .line_regex = "^GET "}}});
  const std::vector<LogRecord> records = {
      {.body = "GET ping", .severity = Severity::info},
      {.body = "GET ping", .severity = Severity::error},
      {.body = "PUT ping", .severity = Severity::info},
      {.body = "GET pong", .severity = Severity::info},
  };
  CHECK(subject.run({{"app", "a"}}, records).size() == 3);
  CHECK(subject.run({{"app", "b"}}, records).size() == 4);
}

TEST_CASE("filter: structured metadata by value and by pattern") {
  const std::vector<LogRecord> records = {
      {.body = "1", .metadata = {{"user", "bot-7"}, {"tenant", "a"}}},
      {.body = "2", .metadata = {{"user", "ann"}}},
      {.body = "3"},
  };
  auto by_pattern = bench({.drop = {{.metadata_regex = {{"user", "bot-\\d+"}}}}});
  CHECK(bodies_of(by_pattern.run({}, records)) == Lines{"2", "3"});
  auto by_value = bench({.keep = {{.metadata = {{"user", "ann"}}}}});
  CHECK(bodies_of(by_value.run({}, records)) == Lines{"2"});
  auto missing = bench({.keep = {{.metadata = {{"user", ""}}}}});
  CHECK(bodies_of(missing.run({}, records)) == Lines{"3"});
}

TEST_CASE("filter: drop wins over keep") {
  auto subject = bench({.drop = {{.contains = {"secret"}}}, .keep = {{.contains = {"audit"}}}});
  const auto out = subject.run_lines({"audit ok", "audit secret", "other"});
  CHECK(bodies_of(out) == Lines{"audit ok"});
  CHECK(subject.count("filter_dropped_records_total", {{"rule", "drop[0]"}}) == 1);
  CHECK(subject.count("filter_dropped_records_total", {{"rule", "keep"}}) == 1);
}

TEST_CASE("filter: streams that no keep rule can match go as a whole, unless drop is asked first") {
  auto subject = bench({.keep = {{.labels = {{"app", "a"}}, .contains = {"x"}}}});
  CHECK(subject.run_lines({"x"}, {{"app", "b"}}).empty());
  CHECK(subject.count("filter_dropped_records_total", {{"rule", "keep"}}) == 1);
  CHECK(bodies_of(subject.run_lines({"x", "y"}, {{"app", "a"}})) == Lines{"x"});

  auto both = bench({.drop = {{.contains = {"x"}}}, .keep = {{.labels = {{"app", "a"}}}}});
  CHECK(both.run_lines({"x", "y"}, {{"app", "b"}}).empty());
  CHECK(both.count("filter_dropped_records_total", {{"rule", "drop[0]"}}) == 1);
  CHECK(both.count("filter_dropped_records_total", {{"rule", "keep"}}) == 1);
}

TEST_CASE("filter: joined records go with all their lines' weight, metadata moves along") {
  auto subject = bench({.drop = {{.contains = {"gone"}}}});
  const auto out =
      subject.run({}, {{.body = "gone", .weight = {5, 500}},
                       {.body = "stays", .metadata = {{"k", "v"}}, .weight = {3, 30}}});
  REQUIRE(out.size() == 1);
  CHECK(out[0].weight == Weight{3, 30});
  CHECK(out[0].metadata.at(0).second == "v");
  CHECK(subject.filtered() == Weight{5, 500});
}

TEST_CASE("filter: more rules than one word of bits holds are refused, the last one works") {
  FilterConfig config;
  for (size_t i = 0; i < kMaxRules; ++i) {
    config.drop.push_back({.contains = {"text " + std::to_string(i) + "."}});
  }
  auto subject = bench(config);
  CHECK(bodies_of(subject.run_lines({"text 63.", "text 64.", "text 0."})) == Lines{"text 64."});
}

TEST_CASE("filter: configs that would do nothing or everything are refused with their place") {
  ConfigValue at{.kind = ConfigValue::Kind::map, .position = {4, 3}};
  ConfigIssues issues;
  ConfigContext context{issues, "processors.f"};
  FilterConfig{}.validate(at, context);
  REQUIRE(issues.issues().size() == 1);
  CHECK(issues.issues()[0].message.find("needs rules") != std::string::npos);

  ConfigValue rule{.kind = ConfigValue::Kind::map, .position = {6, 9}};
  ConfigValue drop{.kind = ConfigValue::Kind::list, .position = {5, 9}, .items = {rule}};
  at.members.push_back({"drop", {5, 3}, drop});
  FilterConfig{.drop = {RuleConfig{}}}.validate(at, context);
  REQUIRE(issues.issues().size() == 2);
  CHECK(issues.issues()[1].position.line == 6);
  CHECK(issues.issues()[1].message.find("no condition") != std::string::npos);

  FilterConfig many{.keep = std::vector<RuleConfig>(kMaxRules + 1, {.contains = {"x"}})};
  many.validate(at, context);
  CHECK(issues.issues().size() == 3);
}

TEST_CASE("filter: a bad pattern is refused") {
  CHECK(bench({.drop = {{.line_regex = "("}}}).error().find("line_regex") != std::string::npos);
  CHECK(bench({.drop = {{.labels_regex = {{"app", "["}}}}}).error().find("app") !=
        std::string::npos);
}
