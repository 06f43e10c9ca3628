#include "plugins/common/prom/relabel.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/common/prom/letter_case.h"
#include "plugins/common/prom/relabel_template.h"
#include "plugins/common/prom/relabel_test.h"

namespace tailrace::common::prom {
namespace {

using Action = RelabelAction;

RelabelConfig rule(Action action, StringList sources, std::string_view regex = "(.*)",
                   std::string target = {}, std::string replacement = "$1") {
  RelabelConfig out;
  out.action = action;
  out.source_labels = std::move(sources);
  out.regex = regex_of(regex);
  out.target_label = std::move(target);
  out.replacement = std::move(replacement);
  return out;
}

const LabelMap kABC = {{"a", "foo"}, {"b", "bar"}, {"c", "baz"}};

LabelMap with(LabelMap labels, const std::string& name, std::string value) {
  labels[name] = std::move(value);
  return labels;
}

TEST_CASE("relabel: replace sets the target to the expanded replacement where the regex matches") {
  CHECK(relabeled({rule(Action::replace, {"a"}, "f(.*)", "d", "ch${1}-ch${1}")}, kABC) ==
        with(kABC, "d", "choo-choo"));
  CHECK(relabeled({rule(Action::replace, {"a", "b"}, "f(.*);(.*)r", "a", "b${1}${2}m")}, kABC) ==
        with(kABC, "a", "boobam"));
  // The whole value must match.
  CHECK(relabeled({rule(Action::replace, {"a"}, "fo", "d", "x")}, kABC) == kABC);
  CHECK(relabeled({rule(Action::replace, {"b"}, ".*(b).*", "d", "$1")}, kABC) ==
        with(kABC, "d", "b"));
  // No source: the empty text, which the default regex matches.
  CHECK(relabeled({rule(Action::replace, {}, "(.*)", "d", "const")}, kABC) ==
        with(kABC, "d", "const"));
}

TEST_CASE("relabel: replace by an empty text removes the label") {
  CHECK(relabeled({rule(Action::replace, {"a"}, "(f).*", "a", "$2")}, kABC) ==
        LabelMap{{"b", "bar"}, {"c", "baz"}});
  CHECK(relabeled({rule(Action::replace, {}, "(.*)", "b", "")}, kABC) ==
        LabelMap{{"a", "foo"}, {"c", "baz"}});
}

TEST_CASE("relabel: a missing label is the empty text") {
  CHECK(relabeled({rule(Action::replace, {"none", "a"}, ";foo", "d", "yes")}, kABC) ==
        with(kABC, "d", "yes"));
}

TEST_CASE("relabel: replace expands the target's name, and leaves the labels when it is none") {
  const LabelMap meta = {{"__meta_sd_tags", "path:/secret,job:some-job,label:foo=bar"}};
  RelabelRules rules = {
      rule(Action::replace, {"__meta_sd_tags"}, "(?:.+,|^)path:(/[^,]+).*", "__metrics_path__"),
      rule(Action::replace, {"__meta_sd_tags"}, "(?:.+,|^)job:([^,]+).*", "job"),
      rule(Action::replace, {"__meta_sd_tags"}, "(?:.+,|^)label:([^=]+)=([^,]+).*", "${1}",
           "${2}")};
  LabelMap expected = meta;
  expected["__metrics_path__"] = "/secret";
  expected["job"] = "some-job";
  expected["foo"] = "bar";
  CHECK(relabeled(rules, meta) == expected);

  const LabelMap odd = {{"a", "some-name-value"}};
  RelabelConfig config = rule(Action::replace, {"a"}, "some-([^-]+)-([^,]+)", "${1}", "${2}");
  CHECK(relabeled({config}, odd) == with(odd, "name", "value"));
  config.target_label = "${3}";  // no such group: an empty name
  CHECK(relabeled({config}, odd) == odd);
  config.target_label = "0${3}";
  CHECK(relabeled({config}, odd) == with(odd, "0", "value"));
  config.name_validation = NameValidation::legacy;
  CHECK(relabeled({config}, odd) == odd);
}

TEST_CASE("relabel: the dot matches a line break; anchors hold for the whole alternative") {
  CHECK(relabeled({rule(Action::replace, {"a"}, "1(.*)3", "b", "$1")}, {{"a", "1\n2\n3"}}) ==
        LabelMap{{"a", "1\n2\n3"}, {"b", "\n2\n"}});
  CHECK(relabeled({rule(Action::keep, {"a"}, "x|fo")}, kABC).empty());
  CHECK(relabeled({rule(Action::keep, {"a"}, "x|foo")}, kABC) == kABC);
}

TEST_CASE("relabel: named groups, in both spellings") {
  CHECK(relabeled({rule(Action::replace, {"a"}, "(?P<one>f)(?P<two>.*)", "d", "${two}-$one")},
                  kABC) == with(kABC, "d", "oo-f"));
  CHECK(relabeled({rule(Action::replace, {"a"}, "(?<one>f)(?<two>.*)", "d", "${two}-$one")},
                  kABC) == with(kABC, "d", "oo-f"));
  CHECK(relabeled({rule(Action::replace, {"a"}, R"([(?<]|\(?<|(foo))", "d", "$1")}, kABC) ==
        with(kABC, "d", "foo"));
}

TEST_CASE("relabel: keep and drop") {
  CHECK(relabeled({rule(Action::drop, {"a"}, ".*o.*")}, kABC).empty());
  CHECK(relabeled({rule(Action::drop, {"a"}, "no-match")}, kABC) == kABC);
  CHECK(relabeled({rule(Action::drop, {"a"}, "f|o")}, kABC) == kABC);
  CHECK(relabeled({rule(Action::keep, {"a"}, "no-match")}, kABC).empty());
  CHECK(relabeled({rule(Action::keep, {"a"}, "f.*")}, kABC) == kABC);
  // Nothing after the drop is looked at.
  CHECK(relabeled({rule(Action::drop, {"a"}, ".*o.*"),
                   rule(Action::replace, {"a"}, "f(.*)", "d", "ch$1")},
                  kABC)
            .empty());
}

TEST_CASE("relabel: keepequal and dropequal compare with the target") {
  const LabelMap pod = {{"__tmp_port", "1234"}, {"__meta_port1", "1234"}, {"__meta_port2", "5678"}};
  CHECK(relabeled({rule(Action::keepequal, {"__tmp_port"}, "(.*)", "__meta_port1")}, pod) == pod);
  CHECK(relabeled({rule(Action::keepequal, {"__tmp_port"}, "(.*)", "__meta_port2")}, pod).empty());
  CHECK(relabeled({rule(Action::dropequal, {"__tmp_port"}, "(.*)", "__meta_port1")}, pod).empty());
  CHECK(relabeled({rule(Action::dropequal, {"__tmp_port"}, "(.*)", "__meta_port2")}, pod) == pod);
  // Two labels that are not there are equal.
  CHECK(relabeled({rule(Action::keepequal, {"x"}, "(.*)", "y")}, pod) == pod);
}

TEST_CASE("relabel: hashmod is the last eight bytes of the MD5, big-endian, modulo") {
  RelabelConfig config = rule(Action::hashmod, {"c"}, "(.*)", "d");
  config.modulus = 1000;
  CHECK(relabeled({config}, kABC) == with(kABC, "d", "976"));
  const LabelMap lines = {{"a", "foo\nbar"}};
  config.source_labels = {"a"};
  config.target_label = "b";
  CHECK(relabeled({config}, lines) == with(lines, "b", "734"));
  config.modulus = 18446744073709551615U;
  config.source_labels = {"a", "none"};
  CHECK(relabeled({config}, {{"a", "x"}}) == LabelMap{{"a", "x"}, {"b", "5319943684945180853"}});
}

TEST_CASE("relabel: labelmap copies to the rewritten names") {
  const LabelMap b = {{"a", "foo"}, {"b1", "bar"}, {"b2", "baz"}};
  LabelMap expected = b;
  expected["bar1"] = "bar";
  expected["bar2"] = "baz";
  CHECK(relabeled({rule(Action::labelmap, {}, "(b.*)", "", "bar${1}")},
                  {{"a", "x"}, {"b1", "y"}}) == LabelMap{{"a", "x"}, {"b1", "y"}, {"barb1", "y"}});
  CHECK(relabeled({rule(Action::labelmap, {}, "b(.*)", "", "bar${1}")}, b) == expected);
  CHECK(relabeled({rule(Action::labelmap, {}, "__meta_(my.*)", "", "${1}")},
                  {{"a", "foo"},
                   {"__meta_my_bar", "aaa"},
                   {"__meta_my_baz", "bbb"},
                   {"__meta_other", "ccc"}}) == LabelMap{{"a", "foo"},
                                                         {"__meta_my_bar", "aaa"},
                                                         {"__meta_my_baz", "bbb"},
                                                         {"__meta_other", "ccc"},
                                                         {"my_bar", "aaa"},
                                                         {"my_baz", "bbb"}});
}

TEST_CASE("relabel: labelmap onto one name: the last in the order of setting wins") {
  LabelBuilder builder;
  const Label scraped[] = {{"x1", "scraped"}, {"x3", "scraped too"}};
  builder.assign(scraped);
  builder.set("x2", "set later");
  REQUIRE(relabel({rule(Action::labelmap, {}, "x.", "", "y")}, builder));
  CHECK(builder.get("y") == "set later");
}

TEST_CASE("relabel: labeldrop and labelkeep") {
  const LabelMap b = {{"a", "foo"}, {"b1", "bar"}, {"b2", "baz"}};
  CHECK(relabeled({rule(Action::labeldrop, {}, "(b.*)")}, b) == LabelMap{{"a", "foo"}});
  CHECK(relabeled({rule(Action::labelkeep, {}, "(b.*)")}, b) ==
        LabelMap{{"b1", "bar"}, {"b2", "baz"}});
  // No label is left: that is a drop.
  LabelBuilder builder;
  builder.assign(labels_of(b));
  CHECK_FALSE(relabel({rule(Action::labelkeep, {}, "none")}, builder));
}

TEST_CASE("relabel: lowercase and uppercase") {
  CHECK(relabeled({rule(Action::uppercase, {"foo"}, "(.*)", "upper"),
                   rule(Action::lowercase, {"foo"}, "(.*)", "lower")},
                  {{"foo", "bAr123Foo"}}) ==
        LabelMap{{"foo", "bAr123Foo"}, {"lower", "bar123foo"}, {"upper", "BAR123FOO"}});
}

TEST_CASE("letter case: letters of all scripts, one for one") {
  const auto lower = [](std::string_view text) {
    std::string out;
    append_lower_case(text, out);
    return out;
  };
  const auto upper = [](std::string_view text) {
    std::string out;
    append_upper_case(text, out);
    return out;
  };
  CHECK(lower("ÄÖÜ ŽLUŤOUČKÝ ΔΣ ЖЁ Ⅷ 𐐀") == "äöü žluťoučký δσ жё ⅷ 𐐨");
  CHECK(upper("äöüÿ žluťoučký δσς жё ⅷ 𐐨") == "ÄÖÜŸ ŽLUŤOUČKÝ ΔΣΣ ЖЁ Ⅷ 𐐀");
  CHECK(lower("İ") == "i");
  CHECK(lower("K") == "k");  // the Kelvin sign
  CHECK(upper("ſß") == "Sß");
  CHECK(upper("漢字123_") == "漢字123_");
  CHECK(upper("a\xFFé") == "A\xEF\xBF\xBDÉ");
  CHECK(upper("a\xFF") == "A\xEF\xBF\xBD");
}

TEST_CASE("expand_template: as Go's Regexp.Expand") {
  const std::string_view groups[] = {"whole", "one", "two", std::string_view()};
  const std::string names[] = {"first", "", "first"};
  const auto expand = [&](std::string_view text) {
    std::string out;
    expand_template(text, groups, names, out);
    return out;
  };
  CHECK(expand("plain") == "plain");
  CHECK(expand("$0-$1-${2}") == "whole-one-two");
  CHECK(expand("$1x") == "");  // the group "1x"
  CHECK(expand("${1}x") == "onex");
  CHECK(expand("$1-x") == "one-x");
  CHECK(expand("$$1") == "$1");
  CHECK(expand("$") == "$");
  CHECK(expand("a$-b") == "a$-b");
  CHECK(expand("${1") == "${1");
  CHECK(expand("${}") == "${}");
  CHECK(expand("${1-2}") == "${1-2}");
  CHECK(expand("$first") == "one");
  CHECK(expand("[$9][$10000000000000][$01]") == "[][][]");
  CHECK(expand("$3") == "");
}

TEST_CASE("relabel_traced: tells of each step, and ends with the drop") {
  RelabelRules rules = {rule(Action::replace, {"a", "b"}, "f(.*);.*", "d", "$1"),
                        rule(Action::replace, {"a"}, "nothing", "e", "x"),
                        rule(Action::drop, {"d"}, "oo"), rule(Action::labeldrop, {}, ".*")};
  LabelBuilder builder;
  builder.assign(labels_of(kABC));
  std::vector<RelabelStep> steps;
  CHECK_FALSE(relabel_traced(rules, builder, steps));
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].rule == &rules[0]);
  CHECK(steps[0].source == "foo;bar");
  CHECK(steps[0].matched);
  CHECK(steps[0].before.size() == 3);
  CHECK(steps[0].after.back() == std::pair<std::string, std::string>("d", "oo"));
  CHECK_FALSE(steps[1].matched);
  CHECK(steps[1].before == steps[1].after);
  CHECK(steps[2].matched);
  CHECK_FALSE(steps[2].kept);
}

TEST_CASE("names: UTF-8 or legacy") {
  CHECK(is_label_name("a.b", NameValidation::utf8));
  CHECK_FALSE(is_label_name("a.b", NameValidation::legacy));
  CHECK_FALSE(is_label_name("", NameValidation::utf8));
  CHECK_FALSE(is_label_name("a\xFF", NameValidation::utf8));
  CHECK_FALSE(is_label_name("a:b", NameValidation::legacy));
  CHECK(is_metric_name("a:b", NameValidation::legacy));
  CHECK_FALSE(is_metric_name("1a", NameValidation::legacy));
}

}  // namespace
}  // namespace tailrace::common::prom
