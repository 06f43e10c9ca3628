#include "plugins/common/prom/target_groups.h"

#include <doctest/doctest.h>

namespace tailrace::common::prom {
namespace {

std::string json_error(std::string_view json) {
  const auto groups = parse_json_groups(json);
  return groups ? "none" : groups.error().message;
}

void check_groups(const Result<std::vector<TargetGroup>>& groups) {
  REQUIRE(groups);
  REQUIRE(groups->size() == 3);
  const TargetGroup& first = (*groups)[0];
  CHECK(first.targets ==
        std::vector<LabelPairs>{{{"__address__", "a:1"}}, {{"__address__", "b:2"}}});
  CHECK(first.labels == LabelPairs{{"env", "prod \"x\""}, {"n", "ä\n"}});
  CHECK((*groups)[1].targets.empty());
  CHECK((*groups)[2].labels.empty());
}

TEST_CASE("target groups: JSON") {
  check_groups(parse_json_groups(
      R"([{"targets": ["a:1", "b:2"], "labels": {"env": "prod \"x\"", "n": "\u00e4\n"}},
          {"targets": [], "labels": {}}, {"targets": ["c"], "labels": null}] )"));
  CHECK(parse_json_groups("[]")->empty());
}

TEST_CASE("target groups: YAML") {
  check_groups(
      parse_yaml_groups("- targets: [a:1, 'b:2']\n"
                        "  labels: {env: 'prod \"x\"', n: \"ä\\n\"}\n"
                        "- labels:\n"
                        "- targets:\n    - c\n"));
  CHECK(parse_yaml_groups("")->empty());
  CHECK(parse_yaml_groups("# nothing\n").has_value());
  // A value is text, whatever it looks like; no ${…} is filled in.
  const auto groups =
      parse_yaml_groups("- {targets: [x], labels: {a: 1, b: yes, c: '${env:HOME}'}}");
  REQUIRE(groups);
  CHECK((*groups)[0].labels == LabelPairs{{"a", "1"}, {"b", "yes"}, {"c", "${env:HOME}"}});
}

TEST_CASE("target groups: what is broken is refused as a whole") {
  CHECK(json_error("").starts_with("not a JSON list"));
  CHECK(json_error("{}").starts_with("not a JSON list"));
  CHECK(json_error(R"([{"targets": ["a"]})").starts_with("not a JSON list"));
  CHECK(json_error(R"([{"targets": ["a"]}] [])").starts_with("not a JSON list"));
  CHECK(json_error(R"([{"targets": ["a", ])") != "none");
  CHECK(json_error(R"([{"targets": ["a"], "label": {}}])") == "group 0: unknown field \"label\"");
  CHECK(json_error(R"([{"targets": ["a"]}, {"targets": [1]}])") ==
        "group 1: targets: expected texts");
  CHECK(json_error(R"([{"targets": "a"}])") == "group 0: targets: expected a list of texts");
  CHECK(json_error(R"([{"labels": {"a": 1}}])") == "group 0: labels: expected text for \"a\"");
  CHECK(json_error(R"([null])") == "nil target group item found (index 0)");
  CHECK(json_error(R"(["a"])") == "group 0: a group is an object with targets and labels");
  CHECK(json_error("[{\"targets\": [\"\xFF\"]}]") == "not UTF-8");
  const auto yaml = [](std::string_view text) {
    const auto groups = parse_yaml_groups(text);
    return groups ? "none" : groups.error().message;
  };
  CHECK(yaml("- targets: [a]\n  label: {}\n") == "2:3 [0].label: unknown option");
  CHECK(yaml("targets: [a]\n").starts_with("1:1 "));
  CHECK(yaml("- targets: [a\n") != "none");
  CHECK(yaml("- targets: [a]\n-\n") != "none");
}

}  // namespace
}  // namespace tailrace::common::prom
