#include "plugins/common/prom/exposition/metadata.h"

#include <doctest/doctest.h>

using namespace tailrace;
using namespace tailrace::common::prom;

TEST_CASE("parse_metric_type: each format has its own words") {
  MetricType type = MetricType::info;
  CHECK(parse_metric_type("untyped", false, type));
  CHECK(type == MetricType::unknown);
  CHECK_FALSE(parse_metric_type("untyped", true, type));
  CHECK_FALSE(parse_metric_type("unknown", false, type));
  CHECK_FALSE(parse_metric_type("info", false, type));
  CHECK(parse_metric_type("gaugehistogram", true, type));
  CHECK(type == MetricType::gauge_histogram);
  CHECK_FALSE(parse_metric_type("Counter", false, type));
  CHECK_FALSE(parse_metric_type("counter ", true, type));
}

TEST_CASE("is_part_of_family: by the suffixes that the type allows") {
  CHECK(is_part_of_family("foo_total", "foo", MetricType::counter));
  CHECK(is_part_of_family("foo_total", "foo_total", MetricType::counter));
  CHECK(is_part_of_family("foo", "foo", MetricType::counter));
  CHECK_FALSE(is_part_of_family("foo_created", "foo", MetricType::counter));
  CHECK(is_part_of_family("foo_bucket", "foo", MetricType::histogram));
  CHECK_FALSE(is_part_of_family("foo_bucket", "foo", MetricType::summary));
  CHECK(is_part_of_family("foo_gsum", "foo", MetricType::gauge_histogram));
  CHECK(is_part_of_family("build_info", "build", MetricType::info));
  CHECK_FALSE(is_part_of_family("foo_bar", "foo", MetricType::gauge));
  CHECK_FALSE(is_part_of_family("bar", "foo", MetricType::gauge));
}

TEST_CASE("Escapes: only those of the format are undone") {
  CHECK(unescape_help(R"(a\\b\nc\"d\te\)", false) == "a\\b\nc\\\"d\\te\\");
  CHECK(unescape_help(R"(a\"b)", true) == "a\"b");
  std::string text = "x";
  append_unescaped(text, R"(\"\\\n\x)");
  CHECK(text == "x\"\\\n\\x");
}

TEST_CASE("has_unit_suffix: behind an underscore") {
  CHECK(has_unit_suffix("a_seconds", "seconds"));
  CHECK_FALSE(has_unit_suffix("aseconds", "seconds"));
  CHECK_FALSE(has_unit_suffix("seconds", "seconds"));
}
