#include "plugins/common/otlp/value_text.h"

#include <cmath>
#include <limits>
#include <string>

#include <doctest/doctest.h>

#include "plugins/common/otlp/proto_of_test.h"
#include "plugins/common/otlp/schema.h"

using namespace tailrace;
using namespace tailrace::common::otlp;
using namespace tailrace::common::otlp::test;

namespace {

std::string text_of(const Proto& value) {
  Arena arena;
  ValueText text(arena);
  return std::string(text.of(read_any_value(value.bytes())));
}
Proto number(double value) {
  return Proto().real(any_value::kDouble, value);
}
Proto map_of(std::initializer_list<Proto> pairs) {
  Proto list;
  for (const Proto& pair : pairs) {
    list.message(value_list::kValues, pair);
  }
  return Proto().message(any_value::kKeyValueList, list);
}
std::string name_of(std::string_view name, LabelStyle style = LabelStyle::prometheus) {
  Arena arena;
  return std::string(to_label_name(name, style, arena));
}

}  // namespace

TEST_CASE("ValueText: simple values as the collector writes them") {
  CHECK(text_of(string_value("a<b>")) == "a<b>");
  CHECK(text_of(Proto()).empty());
  CHECK(text_of(Proto().varint(any_value::kBool, 1)) == "true");
  CHECK(text_of(Proto().varint(any_value::kBool, 0)) == "false");
  CHECK(text_of(Proto().varint(any_value::kInt, 42)) == "42");
  CHECK(text_of(Proto().varint(any_value::kInt, static_cast<uint64_t>(-7))) == "-7");
  CHECK(text_of(Proto().text(any_value::kBytes, "a")) == "YQ==");
  CHECK(text_of(Proto().text(any_value::kBytes, "ab")) == "YWI=");
  CHECK(text_of(Proto().text(any_value::kBytes, std::string("\0\xff\xfe", 3))) == "AP/+");
}

TEST_CASE("ValueText: doubles as JavaScript writes them") {
  CHECK(text_of(number(1)) == "1");
  CHECK(text_of(number(-0.25)) == "-0.25");
  CHECK(text_of(number(1e20)) == "100000000000000000000");
  CHECK(text_of(number(1e21)) == "1e+21");
  CHECK(text_of(number(0.000001)) == "0.000001");
  CHECK(text_of(number(1.5e-7)) == "1.5e-7");
  CHECK(text_of(number(1.5e-10)) == "1.5e-10");
  CHECK(text_of(number(NAN)) == "NaN");
  CHECK(text_of(number(std::numeric_limits<double>::infinity())) == "Infinity");
  CHECK(text_of(number(-std::numeric_limits<double>::infinity())) == "-Infinity");
}

TEST_CASE("ValueText: maps and arrays are JSON with sorted keys") {
  const Proto list =
      Proto().message(any_value::kArray, Proto()
                                             .message(value_list::kValues, string_value("x"))
                                             .message(value_list::kValues, Proto()));
  CHECK(text_of(list) == R"(["x",null])");
  CHECK(text_of(map_of({attribute("b", list), attribute("a", Proto().varint(any_value::kInt, 1)),
                        attribute("c", string_value("<&>\n\"\xe2\x80\xa8"))})) ==
        R"({"a":1,"b":["x",null],"c":"<&>\n\"\u2028"})");
  CHECK(text_of(map_of({attribute("a", string_value("1")), attribute("a", string_value("2"))})) ==
        R"({"a":"2"})");
  CHECK(text_of(map_of({attribute("b", Proto().text(any_value::kBytes, "ab"))})) ==
        R"({"b":"YWI="})");
  CHECK(text_of(map_of({})) == "{}");
  CHECK(text_of(map_of({attribute("n", number(NAN))})).empty());
}

TEST_CASE("to_label_name: what Prometheus makes of an attribute's name") {
  CHECK(name_of("service_name") == "service_name");
  CHECK(name_of("service.name") == "service_name");
  CHECK(name_of("a-b/c d") == "a_b_c_d");
  CHECK(name_of("gr\xc3\xb6\xc3\x9f"
                "e") == "gr__e");
  CHECK(name_of("1st") == "key_1st");
  CHECK(name_of("_private") == "key_private");
  CHECK(name_of(".dot") == "key_dot");
  CHECK(name_of("__meta") == "__meta");
  CHECK(name_of("").empty());
}

TEST_CASE("to_label_name: what Loki makes of it") {
  const auto loki = [](std::string_view name) { return name_of(name, LabelStyle::loki); };
  CHECK(loki("service.name") == "service_name");
  CHECK(loki("a..b") == "a_b");
  CHECK(loki("a__b") == "a_b");
  CHECK(loki("gr\xc3\xb6\xc3\x9f"
             "e") == "gr_e");
  CHECK(loki("1st") == "key_1st");
  CHECK(loki("_private") == "_private");
  CHECK(loki("__two") == "_two");
  CHECK(loki("__meta.x__") == "__meta_x__");
  CHECK(loki("a.") == "a_");
  // Loki refuses a whole request for one of these.
  CHECK(loki("_") == "key_");
  CHECK(loki("_____") == "key_");
  CHECK(loki("...") == "key_");
  CHECK(loki("\xc3\xbc") == "key_");
  CHECK(loki("").starts_with("key_"));
}

TEST_CASE("ValueText: ids and numbers") {
  Arena arena;
  ValueText text(arena);
  CHECK(text.of_id(std::string("\x00\x1f\xff", 3)) == "001fff");
  CHECK(text.of_number(UINT64_MAX) == "18446744073709551615");
}
