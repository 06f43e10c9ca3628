#include <cstdlib>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tailrace/config_schema.h"

#include "config/agent_config.h"
#include "config/fake_plugins_test.h"
#include "config/yaml_reader.h"

namespace tailrace::config {
namespace {

using Errors = std::vector<std::string>;
using fakes::Mode;
using fakes::SinkConfig;

struct Numbers {
  int64_t i64 = 0;
  uint32_t u32 = 0;
  uint64_t u64 = 0;
  double real = 0;
  ByteSize size;
};

const Schema& numbers_schema() {
  static const Schema schema = Schema::of<Numbers>({
      option("i64", &Numbers::i64, "A.").range("-10", "10"),
      option("u32", &Numbers::u32, "B."),
      option("u64", &Numbers::u64, "C."),
      option("real", &Numbers::real, "D.").range("-0.5", "1e3"),
      option("size", &Numbers::size, "E.").range("1KiB", "1MiB"),
  });
  return schema;
}

/// Reads an object from YAML below the path "at"; returns the errors.
template <class C>
Errors read(const Schema& schema, std::string_view yaml, C& out) {
  ConfigIssues issues;
  const auto root = parse_yaml(yaml, issues);
  ConfigContext context{issues, "at"};
  const bool ok = root && schema.read(*root, &out, context);
  CHECK(ok == issues.ok());
  CHECK(context.path == "at");
  Errors errors;
  for (const auto& issue : issues.issues()) {
    errors.push_back(to_line("", issue));
  }
  return errors;
}

Errors sink_errors(std::string_view yaml) {
  SinkConfig config;
  return read(fakes::sink_schema(), yaml, config);
}

Errors number_errors(std::string_view yaml) {
  Numbers config;
  return read(numbers_schema(), yaml, config);
}

}  // namespace

TEST_CASE("Schema: reads every type of option") {
  SinkConfig config;
  CHECK(read(fakes::sink_schema(),
             "url: http://x\ntimeout: 1m30s\ntoken: abc\nmode: safe\nverify: false\n"
             "labels: {job: a, port: 80, on: true}\npause: 5s\n"
             "rules:\n- {label: a}\n- {label: b, share: 0.5}\n"
             "routes:\n  second: {label: c}\n  first: {label: d}\n",
             config) == Errors{});
  CHECK(config.url == "http://x");
  CHECK(config.timeout == std::chrono::seconds(90));
  CHECK(config.token.text == "abc");
  CHECK(config.mode == Mode::safe);
  CHECK_FALSE(config.verify);
  CHECK(config.labels == StringMap{{"job", "a"}, {"on", "true"}, {"port", "80"}});
  CHECK(config.pause == std::chrono::seconds(5));
  REQUIRE(config.rules.size() == 2);
  CHECK(config.rules[0].share == 1.0);
  CHECK(config.rules[1].share == 0.5);
  REQUIRE(config.routes.size() == 2);
  CHECK(config.routes[0].first == "second");  // the order of the file
  CHECK(config.routes[1].second.label == "d");
}

TEST_CASE("Schema: what is not written keeps its default, and null resets an optional") {
  SinkConfig config;
  config.pause = std::chrono::seconds(1);
  CHECK(read(fakes::sink_schema(), "url: u\npause: ~\n", config) == Errors{});
  CHECK(config.timeout == std::chrono::seconds(10));
  CHECK_FALSE(config.pause);
}

TEST_CASE("Schema: a list of texts may be one text") {
  fakes::FilesConfig config;
  const Schema& schema = fakes::table()[0]->schema();
  CHECK(read(schema, "include: /a\n", config) == Errors{});
  CHECK(config.include == StringList{"/a"});
  CHECK(read(schema, "include: [/a, 5]\n", config) == Errors{});
  CHECK(config.include == StringList{"/a", "5"});
  CHECK(read(schema, "include: [/a, [b]]\n", config) ==
        Errors{"1:15 at.include[1]: expected text, got a list"});
  CHECK(read(schema, "include:\n", config) ==
        Errors{"1:1 at.include: expected a list of texts, got nothing"});
}

TEST_CASE("Schema: unknown, missing and repeated options are all told, with a suggestion") {
  CHECK(sink_errors("timeuot: 5s\nrules: [{lable: x}]\n") ==
        Errors{"1:1 at.timeuot: unknown option; did you mean \"timeout\"?",
               "2:10 at.rules[0].lable: unknown option; did you mean \"label\"?",
               "2:9 at.rules[0].label: is required", "1:1 at.url: is required"});
  ConfigValue map;
  map.kind = ConfigValue::Kind::map;
  ConfigValue text;
  text.kind = ConfigValue::Kind::scalar;
  map.members.push_back({"url", {1, 1}, text});
  map.members.push_back({"url", {2, 1}, text});
  ConfigIssues issues;
  ConfigContext context{issues, "at"};
  SinkConfig config;
  CHECK_FALSE(fakes::sink_schema().read(map, &config, context));
  REQUIRE(issues.issues().size() == 1);
  CHECK(to_line("", issues.issues()[0]) == "2:1 at.url: this option is given twice");
}

TEST_CASE("Schema: a wrong value is told with what was expected and what was got") {
  CHECK(sink_errors("url: u\ntimeout: \"5\"\n") ==
        Errors{"2:10 at.timeout: expected a duration such as 5s, got \"5\"; did you mean \"5s\"?"});
  CHECK(sink_errors("url: u\ntimeout: soon\n") ==
        Errors{"2:10 at.timeout: expected a duration such as 5s, got \"soon\""});
  CHECK(sink_errors("url: [u]\n") == Errors{"1:6 at.url: expected text, got a list"});
  CHECK(sink_errors("url:\n") ==
        Errors{"1:1 at.url: expected text, got nothing; write \"\" for an empty text"});
  CHECK(sink_errors("url: u\nverify: yes\n") ==
        Errors{"2:9 at.verify: expected true or false, got \"yes\"; write true"});
  CHECK(sink_errors("url: u\nverify: \"true\"\n") ==
        Errors{"2:9 at.verify: expected true or false, got \"true\"; write it without quotes"});
  CHECK(sink_errors("url: u\nmode: fats\n") ==
        Errors{"2:7 at.mode: expected one of fast, safe, got \"fats\"; did you mean \"fast\"?"});
  CHECK(sink_errors("url: u\nlabels: [a]\n") ==
        Errors{"2:9 at.labels: expected a map of names to texts, got a list"});
  CHECK(sink_errors("url: u\nlabels: {a: {b: c}}\n") ==
        Errors{"2:13 at.labels.a: expected text, got a map"});
  CHECK(sink_errors("url: u\nrules: {label: x}\n") ==
        Errors{"2:8 at.rules: expected a list, got a map"});
  CHECK(sink_errors("url: u\nroutes: {a: 5}\n") ==
        Errors{"2:13 at.routes.a: expected a map of options, got \"5\""});
}

TEST_CASE("Schema: numbers have to fit their type and their range") {
  Numbers config;
  CHECK(read(numbers_schema(),
             "i64: -10\nu32: 4294967295\nu64: 18446744073709551615\nreal: 1000\nsize: 1MiB\n",
             config) == Errors{});
  CHECK(config.i64 == -10);
  CHECK(config.u64 == ~uint64_t{0});
  CHECK(number_errors("i64: 11\n") == Errors{"1:6 at.i64: must be from -10 to 10, got \"11\""});
  CHECK(number_errors("i64: -11\n") == Errors{"1:6 at.i64: must be from -10 to 10, got \"-11\""});
  CHECK(number_errors("u32: -1\n") ==
        Errors{"1:6 at.u32: expected a whole number from 0 to 4294967295, got \"-1\""});
  CHECK(number_errors("u32: 4294967296\n") ==
        Errors{"1:6 at.u32: expected a whole number from 0 to 4294967295, got \"4294967296\""});
  CHECK(number_errors("u32: 1.5\n") ==
        Errors{"1:6 at.u32: expected a whole number such as 4, got \"1.5\""});
  CHECK(
      number_errors("u32: \"4\"\n") ==
      Errors{"1:6 at.u32: expected a whole number such as 4, got \"4\"; write it without quotes"});
  CHECK(number_errors("real: -0.6\n") ==
        Errors{"1:7 at.real: must be from -0.5 to 1e3, got \"-0.6\""});
  CHECK(number_errors("real: much\n") ==
        Errors{"1:7 at.real: expected a number such as 0.5, got \"much\""});
  CHECK(number_errors("size: 2MiB\n") ==
        Errors{"1:7 at.size: must be from 1KiB to 1MiB, got \"2MiB\""});
  CHECK(number_errors("size: 64K\n") ==
        Errors{"1:7 at.size: expected a size such as 64MiB, got \"64K\"; did you mean \"64KiB\" or "
               "\"64KB\"?"});
}

TEST_CASE("Schema: what came out of a reference is never printed") {
  setenv("TAILRACE_TEST_SECRET", "hunter2", 1);
  const std::string reference = "${env:TAILRACE_TEST_SECRET}";
  for (const char* option : {"timeout", "verify", "mode", "pause"}) {
    const Errors errors = sink_errors("url: u\n" + std::string(option) + ": " + reference + "\n");
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].find("got <secret>") != std::string::npos);
    CHECK(errors[0].find("hunter2") == std::string::npos);
  }
  setenv("TAILRACE_TEST_SECRET", "77", 1);
  CHECK(number_errors("i64: " + reference + "\n") ==
        Errors{"1:6 at.i64: must be from -10 to 10, got <secret>"});
  CHECK(number_errors("size: " + reference + "\n") ==
        Errors{"1:7 at.size: must be from 1KiB to 1MiB, got <secret>"});
  // In quotes it is a number all the same.
  setenv("TAILRACE_TEST_SECRET", "7", 1);
  CHECK(number_errors("i64: \"" + reference + "\"\n") == Errors{});
}

TEST_CASE("Schema: an error is one line, however odd the value") {
  CHECK(sink_errors("url: u\ntimeout: \"a\\nb\\x01\"\n") ==
        Errors{"2:10 at.timeout: expected a duration such as 5s, got \"a\\nb\\x01\""});
  const Errors errors = sink_errors("url: u\ntimeout: " + std::string(500, 'x') + "\n");
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].size() < 150);
}

TEST_CASE("Schema: parts and further checks") {
  struct Whole {
    std::string name;
    Numbers part;
  };
  const Schema schema =
      Schema::of<Whole>({option("name", &Whole::name, "Who.")
                             .check<std::string>(&Whole::name,
                                                 [](const std::string& name) -> std::string {
                                                   return name == "bad" ? "not this one" : "";
                                                 })})
          .with_part(&Whole::part, numbers_schema());
  Whole whole;
  CHECK(read(schema, "name: good\ni64: 3\n", whole) == Errors{});
  CHECK(whole.part.i64 == 3);
  CHECK(read(schema, "name: bad\ni64: 30\n", whole) ==
        Errors{"1:7 at.name: not this one", "2:6 at.i64: must be from -10 to 10, got \"30\""});
}

struct Section {
  bool flag = true;
  uint32_t count = 7;
  Duration wait = std::chrono::seconds(5);
  std::string text = "default";
  StringList list = {"default"};
  Mode mode = Mode::fast;
  int sum = 0;
};

struct Sections {
  std::vector<Section> sections;
};

static const Schema& section_schema() {
  static const Schema schema =
      Schema::of<Section>(
          {
              option("flag", &Section::flag, "A."),
              option("count", &Section::count, "B."),
              option("wait", &Section::wait, "C."),
              option("text", &Section::text, "D."),
              option("list", &Section::list, "E."),
              choice("mode", &Section::mode, "F.", {{"fast", Mode::fast}, {"safe", Mode::safe}}),
          })
          .finish<Section>([](Section& section, const ConfigValue& at, ConfigContext& context) {
            if (section.count > 100) {
              context.fail(at, "too many");
              return false;
            }
            section.sum = static_cast<int>(section.count) + 1;
            return true;
          })
          .refuse({"elsewhere", "other"}, "is not for us", "leave it out");
  return schema;
}

static const Schema& sections_schema(bool as_prometheus) {
  const auto list = [] {
    return objects("sections", &Sections::sections, "Sections.", section_schema());
  };
  static const Schema plain = Schema::of<Sections>({list()});
  static const Schema prometheus = Schema::of<Sections>({list().as_prometheus()});
  return as_prometheus ? prometheus : plain;
}

TEST_CASE("Schema: a section of Prometheus's: nothing written is zero, and yes is true") {
  const char* text = "sections:\n- {flag:, count:, wait:, text:, list:, mode:}\n- {flag: On}\n";
  Sections sections;
  CHECK(read(sections_schema(true), text, sections) == Errors{});
  REQUIRE(sections.sections.size() == 2);
  const Section& empty = sections.sections[0];
  CHECK_FALSE(empty.flag);
  CHECK(empty.count == 0);
  CHECK(empty.wait.count() == 0);
  CHECK(empty.text.empty());
  CHECK(empty.list.empty());
  CHECK(empty.mode == Mode::fast);
  CHECK(sections.sections[1].flag);

  CHECK(read(sections_schema(true), "sections:\n", sections) == Errors{});
  CHECK(read(sections_schema(true), "sections: [{flag: \"yes\"}]\n", sections).size() == 1);
  CHECK(read(sections_schema(false), text, sections).size() == 7);
}

TEST_CASE("Schema: an object is finished when its options are good") {
  Sections sections;
  CHECK(read(sections_schema(false), "sections: [{count: 4}]\n", sections) == Errors{});
  CHECK(sections.sections[0].sum == 5);
  CHECK(read(sections_schema(false), "sections: [{count: 1}, {count: 101}]\n", sections) ==
        Errors{"1:24 at.sections[1]: too many"});
  CHECK(read(sections_schema(false), "sections: [{count: x}]\n", sections).size() == 1);
  CHECK(sections.sections[0].sum == 0);
}

TEST_CASE("Schema: an option that is refused says why, where its name stands") {
  Sections sections;
  CHECK(read(sections_schema(false), "sections:\n- elsewhere:\n    - x\n  others: 1\n", sections) ==
        Errors{"2:3 at.sections[0].elsewhere: is not for us; leave it out",
               "4:3 at.sections[0].others: unknown option; known: flag, count, wait, text, list, "
               "mode"});
}

}  // namespace tailrace::config
