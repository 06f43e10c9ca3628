#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/common/prom/relabel.h"
#include "testkit/config_text.h"

namespace tailrace::common::prom {
namespace {

struct Options {
  RelabelRules rules;
};

const Schema& options_schema() {
  static const Schema schema = Schema::of<Options>(
      {objects("rules", &Options::rules, "Rules.", relabel_schema()).as_prometheus()});
  return schema;
}

using Errors = std::vector<std::string>;

testkit::ReadConfig<Options> read(const std::string& rules) {
  return testkit::read_config<Options>(options_schema(), "rules:\n" + rules);
}

/// The one complaint about one rule.
std::string error(const std::string& rule) {
  const auto errors = read("- " + rule + "\n").errors();
  return errors.size() == 1 ? errors[0] : std::to_string(errors.size()) + " errors";
}

TEST_CASE("relabel rules: everything that Prometheus's documentation shows") {
  const auto read_rules = read(R"(
- source_labels: [__address__, "__meta_x"]
  separator: "@"
  regex: '(.*)@(?:.*)'
  target_label: instance
  replacement: "${1}"
  action: Replace
- {source_labels: [a], modulus: 18446744073709551615, target_label: h, action: HASHMOD}
- {regex: 'tmp_.*', action: labeldrop}
- {regex: 1, source_labels: [b], action: keep}
- target_label: c
  replacement:
- {source_labels: [a], target_label: "${1}_b"}
- {target_label: "a.b", replacement: x}
- regex:
  source_labels: [a]
  action: drop
- {action: labelmap, regex: '__meta_(.+)'}
- {action: keepequal, source_labels: [a], target_label: b}
)");
  REQUIRE(read_rules.errors() == Errors{});
  const RelabelRules& rules = read_rules.config.rules;
  REQUIRE(rules.size() == 10);
  CHECK(rules[0].source_labels == StringList{"__address__", "__meta_x"});
  CHECK(rules[0].separator == "@");
  CHECK(rules[0].regex.pattern() == "(.*)@(?:.*)");
  CHECK(rules[0].replacement == "${1}");
  CHECK(rules[0].action == RelabelAction::replace);
  CHECK(rules[0].position.line == 3);
  CHECK(rules[1].modulus == 18446744073709551615U);
  CHECK(rules[1].action == RelabelAction::hashmod);
  CHECK(rules[1].regex.is_default());
  CHECK(rules[3].regex.pattern() == "1");
  CHECK(rules[4].replacement.empty());  // nothing written is the empty text, as in Prometheus
  CHECK(rules[7].regex.pattern().empty());
  CHECK(rules[8].replacement == "$1");
}

TEST_CASE("relabel rules: what Prometheus refuses is refused where it stands, in its words") {
  CHECK(
      error("{action: hashmod, target_label: a}") ==
      "2:3 rules[0].modulus: relabel configuration for hashmod requires non-zero modulus; such as "
      "modulus: 8");
  CHECK(error("{action: hashmod, modulus: 0, target_label: a}").starts_with("2:30 "));
  CHECK(error("{source_labels: [a]}") ==
        "2:3 rules[0].target_label: relabel configuration for replace action requires "
        "'target_label' value; without an action the rule is a replace");
  for (const char* action :
       {"replace", "hashmod, modulus: 2", "lowercase", "uppercase", "keepequal", "dropequal"}) {
    CHECK(error("{action: " + std::string(action) + "}").find("requires 'target_label' value") !=
          std::string::npos);
  }
  CHECK(
      error("{action: lowercase, target_label: a, replacement: x}") ==
      "2:53 rules[0].replacement: 'replacement' can not be set for lowercase action; the value is "
      "that of source_labels");
  CHECK(error("{action: keepequal, target_label: a, regex: '(.*)'}") ==
        "2:3 rules[0]: keepequal action requires only 'source_labels' and 'target_label', and no "
        "other fields");
  CHECK(
      error("{action: dropequal, target_label: a, separator: ','}").starts_with("2:3 rules[0]: "));
  CHECK(
      error("{action: labeldrop, regex: a, source_labels: [b]}") ==
      "2:3 rules[0]: labeldrop action requires only 'regex', and no other fields; regex is matched "
      "with the labels' names");
  CHECK(error("{action: labelkeep, regex: a, target_label: b}").starts_with("2:3 rules[0]: "));
  CHECK(error("{action: labelmap, replacement: ''}") ==
        "2:35 rules[0].replacement: \"\" is invalid 'replacement' for labelmap action; it must be "
        "UTF-8 and not empty");
  CHECK(error("{target_label: a, regex: '(a'}") ==
        "2:28 rules[0].regex: not a regular expression: missing ): ^(?s:(a)$; the syntax is RE2's");
  CHECK(error("{target_label: a, action: remplace}").find("did you mean \"replace\"?") !=
        std::string::npos);
  CHECK(error("{target_label: a, source_label: [b]}").find("did you mean \"source_labels\"?") !=
        std::string::npos);
}

TEST_CASE("relabel rules: under the legacy scheme names are checked again") {
  auto read_rules = read(R"(
- {target_label: "a.b", replacement: x}
- {source_labels: [x], target_label: "a_${1}b"}
- {source_labels: [x], target_label: "$1.b"}
- {action: labelmap, replacement: "x-$1"}
- {action: lowercase, source_labels: [x], target_label: "1a"}
)");
  REQUIRE(read_rules.errors() == Errors{});
  ConfigIssues issues;
  ConfigContext context{issues, "job.relabel_configs"};
  set_name_validation(read_rules.config.rules, NameValidation::utf8, context);
  CHECK(issues.ok());
  set_name_validation(read_rules.config.rules, NameValidation::legacy, context);
  Errors errors;
  for (const auto& issue : issues.issues()) {
    errors.push_back(config::to_line("", issue));
  }
  CHECK(errors ==
        Errors{"3:3 job.relabel_configs[0].target_label: \"a.b\" is invalid 'target_label' for "
               "replace action; letters, digits and _, no digit first",
               "5:3 job.relabel_configs[2].target_label: \"$1.b\" is invalid 'target_label' for "
               "replace action; letters, digits and _, no digit first",
               "6:3 job.relabel_configs[3].replacement: \"x-$1\" is invalid 'replacement' for "
               "labelmap action; letters, digits and _, no digit first",
               "7:3 job.relabel_configs[4].target_label: \"1a\" is invalid 'target_label' for "
               "lowercase action; letters, digits and _, no digit first"});
  CHECK(read_rules.config.rules[1].name_validation == NameValidation::legacy);
}

}  // namespace
}  // namespace tailrace::common::prom
