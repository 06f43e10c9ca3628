#include "plugins/common/loki/label_text.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using namespace std::string_literals;

namespace {

std::string written(std::vector<Label> labels) {
  std::string out;
  loki::append_label_string(out, labels);
  return out;
}

/// "name=value;" of each pair, or the complaint.
std::string parsed(std::string_view text) {
  Arena arena;
  std::vector<Label> labels;
  if (Status status = loki::parse_label_string(text, arena, labels); !status) {
    return "error: " + status.error().message;
  }
  std::string out;
  for (const Label& label : labels) {
    out += std::string(label.name) + "=" + std::string(label.value) + ";";
  }
  return out;
}

}  // namespace

TEST_CASE("label string: written as Loki's parser reads it") {
  CHECK(written({}) == "{}");
  CHECK(written({{"app", "api"}}) == R"({app="api"})");
  CHECK(written({{"a", "1"}, {"b", "x y"}}) == R"({a="1", b="x y"})");
  CHECK(written({{"q", "say \"hi\" \\ \n\t\r"}}) == R"({q="say \"hi\" \\ \n\t\r"})");
  CHECK(written({{"c", "\x01\x1f\x7f"s + '\0'}}) == R"({c="\u0001\u001f\u007f\u0000"})");
  CHECK(written({{"u", "grün 😀"}}) == R"({u="grün 😀"})");
}

TEST_CASE("label string: what is written is read back") {
  std::string all;
  for (int c = 0; c < 0x80; ++c) {
    all += static_cast<char>(c);
  }
  all += "ü€😀";
  CHECK(parsed(written({{"a", all}, {"b", "plain"}})) == "a=" + all + ";b=plain;");
}

TEST_CASE("label string: what other clients write") {
  CHECK(parsed("{}") == "");
  CHECK(parsed(R"( { a = "1" ,b="2",} )") == "a=1;b=2;");
  CHECK(parsed("{a=`raw \\n \"quoted\"`}") == "a=raw \\n \"quoted\";");
  CHECK(parsed(R"({a="\a\b\f\v\x41\101\u00fc\U0001F600"})") == "a=\a\b\f\vAAü😀;");
  CHECK(parsed(R"({a="",b="2"})") == "b=2;");
  CHECK(parsed(R"({_a1="x"})") == "_a1=x;");
}

TEST_CASE("label string: what is none") {
  for (const std::string& text : {""s,
                                  "a"s,
                                  "{"s,
                                  "{a}"s,
                                  "{a=}"s,
                                  "{a=1}"s,
                                  "{a=\"1\""s,
                                  "{a=\"1}"s,
                                  "{a=\"1\"}x"s,
                                  "{1a=\"1\"}"s,
                                  "{a-b=\"1\"}"s,
                                  "{=\"1\"}"s,
                                  "{a=\"1\" b=\"2\"}"s,
                                  "{,}"s,
                                  "{a=\"1\",,b=\"2\"}"s,
                                  "{a=\"1\",a=\"2\"}"s,
                                  "{a=\"\\q\"}"s,
                                  "{a=\"\\x4\"}"s,
                                  "{a=\"\\ud800\"}"s,
                                  "{a=\"\\UFFFFFFFF\"}"s,
                                  "{a=\"\\400\"}"s,
                                  "{a=\"\\"s,
                                  "{a=\"x\\\"}"s,
                                  "{a=\"\xff\"}"s,
                                  "{a=\"\\xff\"}"s,
                                  "{a=\"line\nbreak\"}"s,
                                  "{a!=\"1\"}"s}) {
    CAPTURE(text);
    CHECK(parsed(text).starts_with("error: "));
  }
  std::string many = "{";
  for (int i = 0; i < 300; ++i) {
    many += "l" + std::to_string(i) + "=\"x\",";
  }
  CHECK(parsed(many + "}").find("more than 256 labels") != std::string::npos);
}

TEST_CASE("label string: a complaint says where") {
  CHECK(parsed("{a=\"1\", 2=\"x\"}") ==
        "error: labels {a=\"1\", 2=\"x\"}: expected a label name at character 9");
}

TEST_CASE("legacy_label_name: only letters, digits and underscores") {
  CHECK(loki::legacy_label_name("app") == "app");
  CHECK(loki::legacy_label_name("app.kubernetes.io/name") == "app_kubernetes_io_name");
  CHECK(loki::legacy_label_name("9lives") == "_9lives");
  CHECK(loki::legacy_label_name("ü") == "__");
  CHECK(loki::legacy_label_name("") == "_");
}
