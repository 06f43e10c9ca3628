#include "config/yaml_reader.h"

#include <cstdlib>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include "config/agent_config.h"
#include "config/fake_plugins_test.h"

namespace tailrace::config {
namespace {

struct Parsed {
  std::optional<ConfigValue> root;
  std::vector<std::string> errors;

  const ConfigValue& at(std::string_view key) const {
    const ConfigValue* found = root ? root->find(key) : nullptr;
    static const ConfigValue missing;
    CHECK_MESSAGE(found != nullptr, std::string(key));
    return found != nullptr ? *found : missing;
  }
};

Parsed parse(std::string_view text) {
  Parsed parsed;
  ConfigIssues issues;
  parsed.root = parse_yaml(text, issues);
  for (const auto& issue : issues.issues()) {
    parsed.errors.push_back(to_line("", issue));
  }
  return parsed;
}

std::string place(ConfigPosition position) {
  return fmt::format("{}:{}", position.line, position.column);
}

using Errors = std::vector<std::string>;

/// A file that is there for the life of a test.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view content) {
    char name[] = "/tmp/tailrace_test_XXXXXX";
    const int fd = mkstemp(name);
    REQUIRE(fd >= 0);
    path_ = name;
    REQUIRE(write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
    close(fd);
  }
  ~TemporaryFile() { unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("YAML: every key and value knows its place") {
  const auto parsed = parse(
      "a:\n"
      "  b: text\n"
      "  list:\n"
      "    - one\n"
      "    - {k: v}\n");
  REQUIRE(parsed.root);
  const ConfigValue& a = parsed.at("a");
  CHECK(place(parsed.root->members[0].key_position) == "1:1");
  CHECK(place(a.position) == "2:3");
  CHECK(place(a.members[0].key_position) == "2:3");
  CHECK(place(a.members[0].value.position) == "2:6");
  const ConfigValue& list = a.members[1].value;
  REQUIRE(list.items.size() == 2);
  CHECK(place(list.items[0].position) == "4:7");
  CHECK(place(list.items[1].find("k")->position) == "5:11");
}

TEST_CASE("YAML: quotes make text, and nothing makes null at its key") {
  const auto parsed =
      parse("plain: 5\ndouble: \"5\"\nsingle: '5'\nblock: |\n  5\nempty:\nlast: ~\n");
  CHECK_FALSE(parsed.at("plain").quoted);
  CHECK(parsed.at("double").quoted);
  CHECK(parsed.at("single").quoted);
  CHECK(parsed.at("block").quoted);
  CHECK(parsed.at("block").scalar == "5\n");
  CHECK(parsed.at("empty").kind == ConfigValue::Kind::null);
  CHECK(place(parsed.at("empty").position) == "6:1");
  CHECK(place(parsed.at("last").position) == "7:7");
}

TEST_CASE("YAML: aliases and merge keys are expanded, and explicit keys win") {
  const auto parsed = parse(
      "x-base: &base {a: 1, b: 2}\n"
      "x-more: &more {b: 3, c: 4}\n"
      "one:\n"
      "  <<: *base\n"
      "  b: own\n"
      "two: {<<: [*more, *base], d: 5}\n"
      "three: *base\n");
  CHECK(parsed.errors == Errors{});
  CHECK(parsed.at("one").find("a")->scalar == "1");
  CHECK(parsed.at("one").find("b")->scalar == "own");
  CHECK(parsed.at("one").members.size() == 2);
  CHECK(parsed.at("two").find("b")->scalar == "3");
  CHECK(parsed.at("two").find("a")->scalar == "1");
  CHECK(parsed.at("two").find("c")->scalar == "4");
  CHECK(parsed.at("three").find("b")->scalar == "2");
  CHECK(place(parsed.at("three").find("b")->position) == "1:25");
}

TEST_CASE("YAML: what is no tree of maps is refused with its place") {
  CHECK(parse("").errors == Errors{"1:1: the configuration is empty"});
  CHECK(parse("# only a comment\n").errors.size() == 1);
  CHECK(parse("a: 1\nb: 2\na: 3\n").errors ==
        Errors{"3:1 a: this key is given twice; the first is on line 1"});
  CHECK(parse("a: 1\n---\nb: 2\n").errors ==
        Errors{"3:1: a configuration is one YAML document, and here begins a second one"});
  CHECK(parse("[a, b]: 1\n").errors == Errors{"1:1: a key must be text"});
  CHECK(parse("a: !!binary aGk=\n").errors ==
        Errors{"1:4 a: YAML tags are not supported, got tag:yaml.org,2002:binary"});
  CHECK(parse("a: !!str 5\n").at("a").quoted);
  CHECK(parse("a: {<<: 5}\n").errors ==
        Errors{"1:9 a.<<: << takes a map or a list of maps; such as `<<: *defaults`"});
  CHECK(parse("a: &x [*x]\n").errors == Errors{"1:8 a[0]: the anchor is used inside of itself"});
}

TEST_CASE("YAML: syntax errors have a place and, where it can be told, the cause") {
  auto parsed = parse("a: 1\nb: [1, 2\n");
  REQUIRE(parsed.errors.size() == 1);
  CHECK(parsed.errors[0].find("not valid YAML") != std::string::npos);
  parsed = parse("a:\n  b: 1\n\tc: 2\n");
  REQUIRE(parsed.errors.size() == 1);
  CHECK(parsed.errors[0].starts_with("3:"));
  CHECK(parsed.errors[0].ends_with("indent with spaces, not with tabs"));
  parsed = parse("a: {b: ${env:HOME}}\n");
  REQUIRE_FALSE(parsed.errors.empty());
  CHECK(parsed.errors[0].ends_with("within {…} put a ${…} in quotes"));
  CHECK(parse("a: *nowhere\n").errors ==
        Errors{"1:4: not valid YAML: the referenced anchor is not defined"});
  // Deep nesting ends in an error, not in a stack overflow.
  CHECK(parse(std::string(100'000, '[')).errors.size() == 1);
}

TEST_CASE("YAML: aliases that multiply end in an error") {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    text += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i,
                        i - 1);
  }
  const auto parsed = parse(text);
  REQUIRE(parsed.errors.size() == 1);
  CHECK(parsed.errors[0].find("the configuration is too large") != std::string::npos);
}

TEST_CASE("References: environment variables, defaults and escapes") {
  setenv("TAILRACE_TEST_A", "s3cret", 1);
  setenv("TAILRACE_TEST_EMPTY", "", 1);
  unsetenv("TAILRACE_TEST_NONE");
  const auto parsed = parse(
      "whole: ${env:TAILRACE_TEST_A}\n"
      "part: \"a ${env:TAILRACE_TEST_A} b ${env:TAILRACE_TEST_A}\"\n"
      "default: ${env:TAILRACE_TEST_NONE:-fall back}\n"
      "empty: ${env:TAILRACE_TEST_EMPTY:-other}\n"
      "blank: ${env:TAILRACE_TEST_EMPTY}\n"
      "escaped: $${env:X}\n"
      "rule: ${1}_$2_${name}\n"
      "${env:KEY}: keys are left alone\n");
  CHECK(parsed.errors == Errors{});
  CHECK(parsed.at("whole").scalar == "s3cret");
  CHECK(parsed.at("whole").secret);
  CHECK(parsed.at("part").scalar == "a s3cret b s3cret");
  CHECK_FALSE(parsed.at("part").quoted);
  CHECK(parsed.at("default").scalar == "fall back");
  CHECK(parsed.at("empty").scalar == "other");
  CHECK(parsed.at("blank").scalar.empty());
  CHECK(parsed.at("escaped").scalar == "${env:X}");
  CHECK_FALSE(parsed.at("escaped").secret);
  CHECK(parsed.at("rule").scalar == "${1}_$2_${name}");
  CHECK(parsed.at("${env:KEY}").scalar == "keys are left alone");
}

TEST_CASE("References: a file's content without its last line end, not searched again") {
  const TemporaryFile token("tok${env:NOT_SET}en\n\n");
  const auto parsed = parse("token: ${file:" + token.path() + "}\n");
  CHECK(parsed.errors == Errors{});
  CHECK(parsed.at("token").scalar == "tok${env:NOT_SET}en\n");
  CHECK(parsed.at("token").secret);
}

TEST_CASE("References: those that lead nowhere are refused") {
  unsetenv("TAILRACE_TEST_NONE");
  CHECK(parse("a:\n  b: ${env:TAILRACE_TEST_NONE}\n").errors ==
        Errors{"2:6 a.b: the environment variable TAILRACE_TEST_NONE is not set; set it, or give a "
               "default: ${env:TAILRACE_TEST_NONE:-…}"});
  CHECK(parse("a: ${file:/no/such/file}\n").errors ==
        Errors{"1:4 a: cannot read /no/such/file: No such file or directory; the agent's user must "
               "be able to read the file"});
  CHECK(parse("a: ${file:/tmp}\n").errors.size() == 1);
  CHECK(parse("a: ${vault:secret}\n").errors ==
        Errors{"1:4 a: ${vault:…} is not a known reference; use ${env:NAME} or ${file:/path}, or "
               "$${ for a plain ${"});
  CHECK(parse("a: ${env:not a name}\n").errors.size() == 1);
  CHECK(parse("a: ${env:OPEN\n").errors ==
        Errors{"1:4 a: a reference is not closed; it ends with }; write $${ for a plain ${"});
}

}  // namespace tailrace::config
