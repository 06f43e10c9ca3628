#include "plugins/common/prom/exposition/line_parser.h"

#include <bit>
#include <cmath>
#include <string>

#include <doctest/doctest.h>

using namespace tailrace;
using namespace tailrace::common::prom;
using namespace std::string_view_literals;

namespace {

/// What Prometheus's parser would say of a page of one line: "" = taken, else why not.
std::string verdict(LineParser& parser, std::string_view line) {
  switch (parser.parse(line)) {
    case LineKind::sample: {
      SampleTail tail;
      return parser.parse_tail(parser.rest(), tail) ? "" : parser.error();
    }
    case LineKind::broken:
      return parser.error();
    case LineKind::open_quote:
      return "open quote";
    default:
      return "";
  }
}

std::string labels_text(LineParser& parser, MetricType type = MetricType::unknown) {
  std::string text;
  for (const Label& label : parser.labels(type)) {
    text.append(label.name).append("=").append(label.value).append(";");
  }
  return text;
}

SampleTail tail_of(LineParser& parser, std::string_view line) {
  REQUIRE(parser.parse(line) == LineKind::sample);
  SampleTail tail;
  REQUIRE(parser.parse_tail(parser.rest(), tail));
  return tail;
}

}  // namespace

TEST_CASE("LineParser: samples of the text format, with any spacing") {
  LineParser parser(false);
  for (const char* line :
       {R"(go_gc{quantile="0",a="b"} 8.3835e-05)", R"(go_gc{quantile="0", a="b"} 8.3835e-05)",
        R"(go_gc{ quantile="0", a="b"} 8.3835e-05)", R"(go_gc { quantile="0", a="b" } 8.3835e-05)",
        R"(go_gc { quantile= "0", a= "b", }	8.3835e-05)",
        R"(go_gc { quantile = "0" a = "b" }8.3835e-05  )",
        R"({"go_gc",quantile="0",a="b"} 8.3835e-05)",
        R"({quantile="0","go_gc","a"="b",} 8.3835e-05)",
        R"(  { quantile="0" , "go_gc" , "a" = "b"} 8.3835e-05)"}) {
    CAPTURE(line);
    const SampleTail tail = tail_of(parser, line);
    CHECK(tail.value == 8.3835e-05);
    CHECK_FALSE(tail.has_timestamp);
    CHECK(labels_text(parser) == "__name__=go_gc;quantile=0;a=b;");
  }
}

TEST_CASE("LineParser: what identifies a series is its text as it stands") {
  LineParser parser(false);
  REQUIRE(parser.parse("go_gc { a = \"}\" } 1\n") == LineKind::sample);
  CHECK(parser.series() == "go_gc { a = \"}\" }");
  CHECK(parser.rest() == " 1\n");
  REQUIRE(parser.parse("up 1") == LineKind::sample);
  CHECK(parser.series() == "up");
  // Odd, but so it is in Prometheus 3: leading blanks belong to the name.
  REQUIRE(parser.parse("  up 1") == LineKind::sample);
  CHECK(labels_text(parser) == "__name__=  up;");
}

TEST_CASE("LineParser: values and timestamps of the text format") {
  LineParser parser(false);
  CHECK(std::isinf(tail_of(parser, "a +Inf\n").value));
  CHECK(std::bit_cast<uint64_t>(tail_of(parser, "a nan").value) == kNormalNan);
  SampleTail tail = tail_of(parser, "go_goroutines 33  \t123123\n");
  CHECK(tail.has_timestamp);
  CHECK(tail.timestamp == 123123);
  CHECK(tail_of(parser, "a 1 9223372036854775807 ").timestamp == INT64_MAX);
}

TEST_CASE("LineParser: escapes, NULs and line breaks in quotes") {
  LineParser parser(false);
  const auto with_nul = "m{a=\"\\\"x\\\\y\\nz\\t\",b=\"c\0d\"} 1\n"sv;
  REQUIRE(parser.parse(with_nul) == LineKind::sample);
  CHECK(labels_text(parser) == "__name__=m;a=\"x\\y\nz\\t;b=c\0d;"sv);

  CHECK(parser.parse("m{a=\"x\n") == LineKind::open_quote);
  REQUIRE(parser.parse("m{a=\"x\ny\"} 1\n") == LineKind::sample);
  CHECK(labels_text(parser) == "__name__=m;a=x\ny;");
  REQUIRE(parser.parse("{\"Heiz\xc3\xb6l {\\n}\",\"strange\\n'q'\"=\"6\"} 10\n") ==
          LineKind::sample);
  CHECK(labels_text(parser) == "__name__=Heiz\xc3\xb6l {\n};strange\n'q'=6;");
}

TEST_CASE("LineParser: le and quantile are written as floats, by the last type") {
  LineParser parser(false);
  REQUIRE(parser.parse(R"(h_bucket{le="1",quantile="1"} 4)") == LineKind::sample);
  CHECK(labels_text(parser, MetricType::histogram) == "__name__=h_bucket;le=1.0;quantile=1;");
  CHECK(labels_text(parser, MetricType::summary) == "__name__=h_bucket;le=1;quantile=1.0;");
  REQUIRE(parser.parse(R"(h_bucket{le="+inf"} 4)") == LineKind::sample);
  CHECK(labels_text(parser, MetricType::histogram) == "__name__=h_bucket;le=+Inf;");
  REQUIRE(parser.parse(R"(h_bucket{le="x"} 4)") == LineKind::sample);
  CHECK(labels_text(parser, MetricType::histogram) == "__name__=h_bucket;le=x;");
}

TEST_CASE("LineParser: metadata of the text format") {
  LineParser parser(false);
  REQUIRE(parser.parse("# HELP go_gc  A \\n summary.\n") == LineKind::help);
  CHECK(parser.meta_name() == "go_gc");
  CHECK(parser.meta_text() == " A \\n summary.");
  REQUIRE(parser.parse("# \tTYPE go_gc summary\n") == LineKind::type);
  CHECK(parser.meta_type() == MetricType::summary);
  REQUIRE(parser.parse("# TYPE \"go.gc\" untyped") == LineKind::type);
  CHECK(parser.meta_name() == "go.gc");
  REQUIRE(parser.parse("# HELP nohelp1\n") == LineKind::help);
  CHECK(parser.meta_text().empty());
  REQUIRE(parser.parse("# HELP nohelp2 \t \n") == LineKind::help);
  CHECK(parser.meta_text().empty());
  for (const char* line : {"\n", " \t\n", "#\n", "#HELP x y\n", "# Hrandom\n", "# HELP\n",
                           "# UNIT a b\n", "# EOF\n", "# comment \\ \n"}) {
    CAPTURE(line);
    CHECK(parser.parse(line) == LineKind::nothing);
  }
  CHECK(parser.parse("\0 anything"sv) == LineKind::end);
  CHECK(parser.parse("#a\0b"sv) == LineKind::end);
  CHECK(parser.parse("# a\0b"sv) == LineKind::nothing);
}

TEST_CASE("LineParser: what Prometheus refuses in the text format") {
  LineParser parser(false);
  for (const char* line : {"a",
                           "a{b='c'} 1\n",
                           "a{b=\n",
                           "a{\xff=\"foo\"} 1\n",
                           "a{b=\"\xff\"} 1\n",
                           R"({"a", "b = "c"})",
                           "a true\n",
                           "something_weird{problem=\"",
                           "empty_label_name{=\"\"} 0",
                           "foo 1_2\n",
                           "foo 0x1p-3\n",
                           "foo 0 1_2\n",
                           R"({a="ok"} 1)",
                           "# TYPE #\n",
                           "# HELP #\n",
                           "# TYPE a\n",
                           "# TYPE a counter \n",
                           "# TYPE a  counter\n",
                           "# TYPE a counter\r\n",
                           "# TYPE a unknown\n",
                           "# TYPE \n",
                           "# HELP a \xff\n",
                           "9a 1\n",
                           "a 1\r\n",
                           "a{b=\"c\"}\n",
                           "a{b=\"c\",,} 1\n",
                           "a{,b=\"c\"} 1\n",
                           "a{b} 1\n",
                           "a{\"b\"} 1\n",
                           "{} 1\n",
                           "{ 1\n",
                           "a{b=\"c\"}{d=\"e\"} 1\n",
                           "a 1 -5\n",
                           "a 1 1.5\n",
                           "a 1 5 6\n",
                           "a 1 99999999999999999999\n",
                           "a 1{\n",
                           "a 1e999\n",
                           "\xef\xbb\xbf"
                           "a 1\n",
                           "a=1\n",
                           "{\"a\",\"b\"} 1\n"}) {
    CAPTURE(line);
    CHECK(verdict(parser, line) != "");
  }
  CHECK(verdict(parser, "a{b=\0\"s\"} 1\n"sv) != "");
  CHECK(verdict(parser, "a{b\0=\"s\"} 1\n"sv) != "");
  CHECK(verdict(parser, "a\0{b=\"s\"} 1\n"sv) != "");
  CHECK(verdict(parser, "a 0 1\0\n"sv) != "");
  CHECK(verdict(parser, "a{b=\"\0ss\"} 1\n"sv) == "");
}

TEST_CASE("LineParser: OpenMetrics takes one spelling only") {
  LineParser parser(true);
  for (const char* line :
       {"# EOF\n", "# EOF", "# HELP a x\n", "# HELP a \n", "# TYPE a unknown\n",
        "# UNIT a_seconds seconds\n", "# UNIT a \n", "a 1\n", "a{} 1\n", "a{b=\"c\",} 1\n",
        "{\"a.b\",\"c.d\"=\"e\"} 1\n", "a 1 2.5\n", "a 1 -1\n", "a_total 1 # {} 4\n",
        "a_total 1 2 # {x=\"y\",\"id.z\"=\"w\"} 4 5.5\n", "# TYPE a counter\n"}) {
    CAPTURE(line);
    CHECK(verdict(parser, line) == "");
  }
  for (const char* line : {"\n",
                           "metric",
                           "metric 1",
                           "metric_total 1 # {aa=\"bb\"} 4",
                           "a\n",
                           " a 1\n",
                           "9\n",
                           "# TYPE u untyped\n",
                           "# TYPE c counter \n",
                           "#  TYPE c counter\n",
                           "# TYPE \n",
                           "# TYPE m\n",
                           "# UNIT metric suffix\n",
                           "# UNIT metricsuffix suffix\n",
                           "# UNIT m suffix\n",
                           "# HELP \n",
                           "# HELP m\n",
                           "a\t1\n",
                           "a 1\t2\n",
                           "a 1 2 \n",
                           "a 1 2 #\n",
                           "a 1 1z\n",
                           " # EOF\n",
                           "# EOFa 1",
                           "#\tTYPE c counter\n",
                           "# TYPE c  counter\n",
                           "a 1 1 1\n",
                           "a{b='c'} 1\n",
                           "a{,b=\"c\"} 1\n",
                           "a{b=\"c\"d=\"e\"} 1\n",
                           "a{b=\"c\",,d=\"e\"} 1\n",
                           "a{b=\n",
                           "a{\xff=\"foo\"} 1\n",
                           "a{b=\"\xff\"} 1\n",
                           "a true\n",
                           "a{b=\"\n\"} 1\n",
                           "empty_label_name{=\"\"} 0\n",
                           "foo 1_2\n",
                           "foo 0x1P-3\n",
                           "foo 0 1_2\n",
                           "c_total 1 # {aa=bb}\n",
                           "c_total 1 # {aa=\"bb\"}\n",
                           "c_total 1 # {bb}\n",
                           "c_total 1 # {\"bb\"} 1\n",
                           "c_total 1 # {aa=\"bb\",,cc=\"dd\"} 1\n",
                           "c_total 1 # {aa=\"bb\"} 1_2\n",
                           "c_total 1 # {aa=\"bb\"} true\n",
                           "c_total 1 # {aa=\"bb\"} 1 2 3\n",
                           "c_total 1 # {aa=\"bb\"} 1 \n",
                           "{b=\"c\",} 1\n",
                           "a 1 NaN\n",
                           "a 1 -Inf\n",
                           "h 1 # {aa=\"bb\"} 4 NaN\n",
                           "#\n",
                           "# H\n",
                           "# comment\n",
                           "a  1\n",
                           "a{b=\"c\", d=\"e\"} 1\n",
                           "a{b=\"c\"}1\n",
                           "{foo} 1\n",
                           "a 1 # {b=\"c\" } 1\n"}) {
    CAPTURE(line);
    CHECK(verdict(parser, line) != "");
  }
}

TEST_CASE("LineParser: timestamps and exemplars of OpenMetrics") {
  LineParser parser(true);
  const SampleTail tail = tail_of(
      parser, "a_total{x=\"1\"} 3 1520879607.789 # {id=\"a\\\"b\",z=\"\"} 0.5 1520879608.5\n");
  CHECK(tail.value == 3);
  CHECK(tail.timestamp == 1520879607789);
  REQUIRE(tail.has_exemplar);
  CHECK(tail.exemplar_value == 0.5);
  CHECK(tail.exemplar_has_timestamp);
  CHECK(tail.exemplar_timestamp == 1520879608500);
  REQUIRE(tail.exemplar_labels.size() == 2);
  CHECK(tail.exemplar_labels[0] == Label{"id", "a\\\"b"});
  CHECK(tail.exemplar_text == "{id=\"a\\\"b\",z=\"\"} 0.5 1520879608.5");
  CHECK(tail_of(parser, "a 1 1e300\n").timestamp == INT64_MIN);  // as Go converts it
}
