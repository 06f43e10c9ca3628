#include <random>
#include <string>

#include <doctest/doctest.h>

#include "tailrace/arena.h"

#include "codec/crc32c.h"
#include "codec/hash.h"
#include "codec/json_text.h"
#include "codec/utf8.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using namespace std::string_literals;

namespace {
const std::string kBad = "\xef\xbf\xbd";

std::string repaired(std::string_view text) {
  std::string out;
  codec::append_valid_utf8(out, text);
  return out;
}
std::string escaped(std::string_view text) {
  std::string out;
  codec::append_json_string(out, text);
  return out;
}
std::string unescaped(std::string_view text) {
  std::string out(text.size(), '\0');
  size_t size = 0;
  if (!codec::json_unescape(text, out.data(), size)) {
    return "<broken>";
  }
  out.resize(size);
  return out;
}
}  // namespace

TEST_CASE("utf8: valid text is not touched, not even copied") {
  Arena arena;
  for (const std::string& text : {""s, "plain"s, "\0nul"s, "grün"s, "日本"s, "😀"s, "\x7f"s}) {
    CHECK(codec::valid_utf8(text));
    CHECK(codec::make_valid_utf8(text, arena).data() == text.data());
    CHECK(repaired(text) == text);
  }
}

TEST_CASE("utf8: each maximal invalid part becomes one replacement") {
  // Unicode 15, table 3-8 and its neighbours.
  CHECK(repaired("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41") ==
        kBad + kBad + kBad + kBad + kBad + kBad + kBad + kBad + "A");
  CHECK(repaired("\xed\xa0\x80\x41") == kBad + kBad + kBad + "A");
  CHECK(repaired("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42") ==
        kBad + kBad + kBad + kBad + kBad + "A" + kBad + kBad + "B");
  CHECK(repaired("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41") == kBad + kBad + kBad + kBad + "A");
  CHECK(repaired("a\xe2\x82") == "a" + kBad);
  Arena arena;
  CHECK(codec::make_valid_utf8("x\xffy", arena) == "x" + kBad + "y");
}

TEST_CASE("utf8: whatever comes in, valid text comes out") {
  std::mt19937 random(11);
  for (int i = 0; i < 5000; ++i) {
    std::string text(random() % 40, '\0');
    for (char& c : text) {
      c = static_cast<char>(random() % 3 == 0 ? random() : 0xe0 | (random() & 0x1f));
    }
    const std::string out = repaired(text);
    REQUIRE(codec::valid_utf8(out));
    REQUIRE((out == text) == codec::valid_utf8(text));
  }
}

TEST_CASE("json_text: escapes what must be, and only that") {
  CHECK(escaped("") == "\"\"");
  CHECK(escaped("a\"b\\c/d") == R"("a\"b\\c/d")");
  CHECK(escaped("\n\r\t\b\f") == R"("\n\r\t\b\f")");
  CHECK(escaped("\x01\x1f\x7f"s + '\0') == "\"\\u0001\\u001f\x7f\\u0000\"");
  CHECK(escaped("grün 😀") == "\"grün 😀\"");
  CHECK(escaped("a\xff\n") == "\"a" + kBad + "\\n\"");
}

TEST_CASE("json_text: unescapes everything JSON knows") {
  CHECK(unescaped("plain") == "plain");
  CHECK(unescaped(R"(\"\\\/\b\f\n\r\t)") == "\"\\/\b\f\n\r\t");
  CHECK(unescaped(R"(\u0041\u00fc\u20AC)") == "Aü€");
  CHECK(unescaped(R"(\ud83d\ude00!)") == "😀!");
  CHECK(unescaped(R"(\ud83d!)") == kBad + "!");
  CHECK(unescaped(R"(\ude00\ud83d)") == kBad + kBad);
  CHECK(unescaped(R"(\ud83d\u0041)") == kBad + "A");
  CHECK(unescaped(R"(a\u0000b)") == "a\0b"s);
  for (const char* broken : {R"(\)", R"(\x)", R"(\u12)", R"(\u12g4)", R"(ab\)"}) {
    CHECK(unescaped(broken) == "<broken>");
  }
}

TEST_CASE("json_text: finds quotes and backslashes at every place") {
  for (size_t size = 0; size < 70; ++size) {
    std::string text(size, 'a');
    const char* end = text.data() + size;
    CHECK(codec::find_quote_or_backslash(text.data(), end) == end);
    for (size_t i = 0; i < size; ++i) {
      text[i] = i % 2 == 0 ? '"' : '\\';
      REQUIRE(codec::find_quote_or_backslash(text.data(), end) == text.data() + i);
      text[i] = 'a';
    }
  }
}

TEST_CASE("crc32c: RFC 3720's examples, in hardware and without") {
  std::string rising;
  for (int i = 0; i < 32; ++i) {
    rising += static_cast<char>(i);
  }
  for (auto* crc : {&codec::crc32c, &codec::crc32c_portable}) {
    CHECK(crc("123456789", 0) == 0xe3069283);
    CHECK(crc(std::string(32, '\0'), 0) == 0x8a9136aa);
    CHECK(crc(std::string(32, '\xff'), 0) == 0x62a8ab43);
    CHECK(crc(rising, 0) == 0x46dd794e);
    CHECK(crc("", 0) == 0);
    CHECK(crc("6789", crc("12345", 0)) == 0xe3069283);
  }
}

TEST_CASE("crc32c: both ways agree on every length and alignment") {
  std::mt19937 random(2);
  std::string text(600, '\0');
  for (char& c : text) {
    c = static_cast<char>(random());
  }
  for (size_t from = 0; from < 9; ++from) {
    for (size_t size = 0; from + size <= text.size(); size += 1 + size / 8) {
      const std::string_view part = std::string_view(text).substr(from, size);
      REQUIRE(codec::crc32c(part) == codec::crc32c_portable(part));
    }
  }
}

TEST_CASE("stable_hash: never changes, for shards and files depend on it") {
  CHECK(codec::stable_hash("") == 0x2d06800538d394c2);
  CHECK(codec::stable_hash("a") == 0xe6c632b61e964e1f);
  CHECK(codec::stable_hash("a", 1) != codec::stable_hash("a"));
}
