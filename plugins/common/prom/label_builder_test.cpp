#include "plugins/common/prom/label_builder.h"

#include <string>

#include <doctest/doctest.h>

namespace tailrace::common::prom {
namespace {

std::string text_of(const LabelBuilder& builder) {
  std::string out;
  for (const Label& label : builder.labels()) {
    out.append(label.name).append("=").append(label.value).append(" ");
  }
  return out;
}

TEST_CASE("LabelBuilder: sorts, the last of a repeated name wins, empty ones are not there") {
  LabelBuilder builder;
  const Label labels[] = {{"b", "1"}, {"a", "2"}, {"c", ""}, {"b", "3"}, {"d", "4"}, {"d", ""}};
  builder.assign(labels);
  CHECK(text_of(builder) == "a=2 b=3 ");
  CHECK(builder.get("b") == "3");
  CHECK(builder.get("c").empty());
  CHECK_FALSE(builder.has("zzz"));
}

TEST_CASE("LabelBuilder: set replaces, inserts in its place, and erases by an empty value") {
  LabelBuilder builder;
  const Label labels[] = {{"b", "1"}, {"d", "2"}};
  builder.assign(labels);
  builder.set("a", "0");
  builder.set("c", "x");
  builder.set("b", "y");
  builder.set("e", "");
  CHECK(text_of(builder) == "a=0 b=y c=x d=2 ");
  builder.set("a", "");
  builder.erase("d");
  builder.erase("never");
  CHECK(text_of(builder) == "b=y c=x ");
  builder.assign({});
  CHECK(text_of(builder).empty());
}

TEST_CASE("LabelBuilder: set_copy keeps the text, also that of a label that it replaces") {
  LabelBuilder builder;
  {
    std::string name = "name";
    std::string value = "value";
    builder.set_copy(name, value);
    name.assign("gone");
    value.assign("gone!");
  }
  builder.set_copy("name", builder.get("name").substr(1));
  CHECK(text_of(builder) == "name=alue ");
}

TEST_CASE("LabelBuilder: walks first what was there, then what was set, in that order") {
  LabelBuilder builder;
  const Label labels[] = {{"m", "1"}, {"n", "2"}, {"o", "3"}};
  builder.assign(labels);
  builder.set("z", "4");
  builder.set("a", "5");
  builder.set("n", "6");  // counts as set from now on
  builder.set("z", "7");  // keeps its turn
  builder.erase("m");
  builder.set("m", "8");
  std::vector<Label> walked;
  builder.in_order_of_setting(walked);
  std::string text;
  for (const Label& label : walked) {
    text.append(label.name).append("=").append(label.value).append(" ");
  }
  CHECK(text == "o=3 z=7 a=5 n=6 m=8 ");
}

}  // namespace
}  // namespace tailrace::common::prom
