#include "tailrace/regex.h"

#include <array>

#include <doctest/doctest.h>

using namespace tailrace;

TEST_CASE("Regex: matches anywhere unless it is anchored") {
  const auto anywhere = Regex::compile("b+");
  const auto whole = Regex::compile("b+", {.anchored = true});
  REQUIRE(anywhere);
  REQUIRE(whole);
  CHECK(anywhere->matches("abbc"));
  CHECK_FALSE(whole->matches("abbc"));
  CHECK(whole->matches("bbb"));
  CHECK_FALSE(anywhere->matches(""));
  CHECK(whole->pattern() == "b+");
}

TEST_CASE("Regex: alternatives are anchored as a whole") {
  const auto regex = Regex::compile("a|b", {.anchored = true});
  REQUIRE(regex);
  CHECK(regex->matches("a"));
  CHECK(regex->matches("b"));
  CHECK_FALSE(regex->matches("ab"));
}

TEST_CASE("Regex: the dot matches a newline only when asked to") {
  CHECK_FALSE(Regex::compile("a.b")->matches("a\nb"));
  CHECK(Regex::compile("a.b", {.dot_nl = true})->matches("a\nb"));
}

TEST_CASE("Regex: names and captures of groups") {
  const auto regex = Regex::compile("/(?P<app>[^/]+)/(x)?(?P<file>[^/]+)$");
  REQUIRE(regex);
  CHECK(regex->group_count() == 3);
  CHECK(regex->group_names() == std::vector<std::string>{"app", "", "file"});

  std::array<std::string_view, 3> groups;
  const std::string_view text = "/var/log/shop/current.log";
  REQUIRE(regex->captures(text, groups));
  CHECK(groups[0] == "shop");
  CHECK(groups[0].data() == text.data() + 9);
  CHECK(groups[1].empty());
  CHECK(groups[2] == "current.log");
  CHECK_FALSE(regex->captures("nothing", groups));

  std::array<std::string_view, 1> first;
  REQUIRE(regex->captures(text, first));
  CHECK(first[0] == "shop");
}

TEST_CASE("Regex: a bad pattern is an error that says why") {
  const auto regex = Regex::compile("a(b");
  REQUIRE_FALSE(regex);
  CHECK(regex.error().code == ErrorCode::invalid);
  CHECK(regex.error().message.find("missing )") != std::string::npos);
  CHECK(regex_complaint("a(b") == regex.error().message);
  CHECK(regex_complaint("a(b)").empty());
}

TEST_CASE("Regex: bytes that are no UTF-8 neither crash nor match a letter") {
  const auto regex = Regex::compile("error");
  CHECK(regex->matches("\xff\xfe error"));
  CHECK_FALSE(Regex::compile("^.$")->matches("\xff"));
}

TEST_CASE("Regex: a pattern that would explode elsewhere stays linear") {
  const auto regex = Regex::compile("(a*)*b");
  CHECK_FALSE(regex->matches(std::string(100000, 'a')));
}
