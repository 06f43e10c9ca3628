#include "codec/json_index.h"

#include <random>
#include <string>

#include <doctest/doctest.h>

#include "codec/padded_bytes.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using codec::JsonIndexReader;
using codec::JsonName;
using codec::JsonRawKey;
using codec::JsonReader;
using codec::JsonToken;
using codec::JsonType;
using codec::JsonValue;

namespace {

/// Keys as written; types as in JsonType's order.
void add(std::string& seen, std::string_view key, JsonType type, std::string_view text) {
  seen += std::string(key) + "=" + "nbNsoa"[static_cast<int>(type)] + ":" + std::string(text) + ";";
}

/// Everything that a walk by the index sees: nested objects in braces, and "BROKEN" at the end.
struct IndexWalk {
  std::string run(std::string_view text) {
    const auto padded = codec::PaddedBytes::copy_of(text);
    seen.clear();
    ok = true;
    escaped_key = false;
    const bool whole = reader.each_field(
        padded.view(), arena, [this](JsonRawKey key, JsonToken& v) { return visit(key, v); });
    return seen + (whole && ok ? "" : "BROKEN");
  }
  bool visit(JsonRawKey key, JsonToken& value) {
    const char* end = key.begin();
    while (*end != '"') {
      end += *end == '\\' ? 2 : 1;
    }
    const std::string_view name(key.begin(), static_cast<size_t>(end - key.begin()));
    escaped_key |= name.find('\\') != name.npos;
    if (value.type() == JsonType::object && descend) {
      seen += std::string(name) + "={";
      ok &= value.each_field([this](JsonRawKey k, JsonToken& v) { return visit(k, v); });
      seen += "}";
      return true;
    }
    std::string_view text;
    ok &= (value.type() == JsonType::array && !with_arrays) || value.text(text);
    add(seen, name, value.type(), text);
    return true;
  }
  JsonIndexReader reader;
  Arena arena;
  std::string seen;
  bool descend = true;       // into objects; else they are taken as raw text
  bool with_arrays = true;   // take them as raw text
  bool escaped_key = false;  // there was one
  bool ok = true;
};

/// The same by reading on demand. Arrays are passed over.
struct DemandWalk {
  std::string run(std::string_view text) {
    seen.clear();
    ok = true;
    const bool whole = reader.each_field(
        text, arena, [this](std::string_view key, JsonValue& value) { return visit(key, value); });
    return seen + (whole && ok ? "" : "BROKEN");
  }
  bool visit(std::string_view key, JsonValue& value) {
    const JsonType type = value.type();
    if (type == JsonType::object) {
      seen += std::string(key) + "={";
      ok &= value.each_field(
          [this](std::string_view inner, JsonValue& deep) { return visit(inner, deep); });
      seen += "}";
      return true;
    }
    std::string_view text;
    ok &= type == JsonType::array || value.text(text);
    add(seen, key, type, text);
    return true;
  }
  JsonReader reader;
  Arena arena;
  std::string seen;
  bool ok = true;
};

std::string indexed_walk(std::string_view text) {
  return IndexWalk().run(text);
}

}  // namespace

TEST_CASE("JsonIndexReader: every type, nested, in order") {
  CHECK(indexed_walk(
            R"({"a":"x","b":12.5e3,"c":true,"d":null,"e":{"f":{"g":-1}},"h":[1,{"i":2}]})") ==
        R"(a=s:x;b=N:12.5e3;c=b:true;d=n:null;e={f={g=N:-1;}}h=a:[1,{"i":2}];)");
  CHECK(indexed_walk("{}") == "");
  CHECK(indexed_walk(" { } ") == "");
  CHECK(indexed_walk(" { \"a\" : \"x\" , \"b\" : 1 \t} \n") == "a=s:x;b=N:1;");
  CHECK(indexed_walk(R"({"a":1,"a":{}})") == "a=N:1;a={}");
  CHECK(indexed_walk(R"({"a":"line\none","b":"\ud83d\ude00","":"\\"})") ==
        "a=s:line\none;b=s:😀;=s:\\;");
}

TEST_CASE("JsonIndexReader: an object can be taken as raw text, and the walk goes on") {
  IndexWalk walk;
  walk.descend = false;
  CHECK(walk.run(R"({"a": {"b": [1, 2]} , "c": [ ] , "d": 1})") ==
        R"(a=o:{"b": [1, 2]};c=a:[ ];d=N:1;)");
}

TEST_CASE("JsonIndexReader: a walk that stops early, also within a nested object") {
  JsonIndexReader reader;
  Arena arena;
  const auto text = codec::PaddedBytes::copy_of(R"({"a":{"b":1,"c":[2]},"d":"]","e":5,"f":tru})");
  std::string seen;
  CHECK(reader.each_field(text.view(), arena, [&](JsonRawKey key, JsonToken& value) {
    seen += key.first();
    if (key.first() == 'a') {
      CHECK(value.each_field([&](JsonRawKey inner, JsonToken&) {
        seen += inner.first();
        return false;
      }));
    }
    return key.first() != 'e';
  }));
  CHECK(seen == "abde");
}

TEST_CASE("JsonIndexReader: what is not an object, or broken") {
  for (const char* text : {"",
                           " ",
                           "x",
                           "[1]",
                           "12",
                           "\"a\"",
                           "null",
                           "{",
                           "}",
                           "{\"a\"",
                           "{\"a\":",
                           "{\"a\":1",
                           "{\"a\":1,}",
                           "{\"a\" 1}",
                           "{\"a\":\"x}",
                           "{a:1}",
                           "{\"a\":}",
                           "{\"a\":]}",
                           "{\"a\":,}",
                           "{\"a\"::}",
                           "{\"a\"}",
                           "{,}",
                           "{\"a\":tru}",
                           "{\"a\":1x}",
                           "{\"a\":\"\\x\"}",
                           "{{}}",
                           "{\"b\":[}",
                           "{\"b\":{}",
                           "{\"b\":[1}}",
                           "{\"a\":\"\xff\"}",
                           "{\"a\":1}}",
                           "{\"a\":1}{\"b\":2}",
                           "{\"a\":\"\x01\"}",
                           "{\"a\":1 \"b\":2}",
                           "{\"a\":\"x\"y}"}) {
    CAPTURE(std::string(text));
    CHECK(indexed_walk(text).find("BROKEN") != std::string::npos);
  }
}

TEST_CASE("JsonIndexReader: keys compared as written") {
  const JsonName names[] = {JsonName("a"), JsonName("seven77"), JsonName("eight888"),
                            JsonName("a longer name")};
  const auto text = codec::PaddedBytes::copy_of(
      R"({"a longer name!":1,"eight888":2,"eight8888":3,"\u0061":4,"seven77":5,"a":6,"":7,)"
      R"("a longer name":8})");
  JsonIndexReader reader;
  Arena arena;
  std::string found;
  CHECK(reader.each_field(text.view(), arena, [&](JsonRawKey key, JsonToken& value) {
    for (size_t i = 0; i < std::size(names); ++i) {
      std::string_view shown;
      if (key.is(names[i])) {
        CHECK(value.text(shown));
        found += std::to_string(i) + "=" + std::string(shown) + " ";
      }
    }
    return true;
  }));
  CHECK(found == "2=2 1=5 0=6 3=8 ");
}

TEST_CASE("JsonIndexReader: long and short texts in turn") {
  IndexWalk walk;
  for (const size_t size : {10UL, 100000UL, 5UL, 300000UL}) {
    const std::string filler(size, 'x');
    CHECK(walk.run("{\"m\":\"" + filler + "\"}") == "m=s:" + filler + ";");
  }
}

TEST_CASE("JsonIndexReader: sees in damaged text what reading on demand sees, or calls it broken") {
  const std::string whole =
      R"({"level":30,"time":1767322445123,"hostname":"shop","req":{"url":"/a","n":[1,{"x":null}]},)"
      R"("msg":"a \"quoted\" \u00fc","ok":true})";
  const std::string_view letters = "{}[]:,\"\\ 1atn-e\n\x80";
  std::mt19937 random(7);
  IndexWalk by_index;
  by_index.with_arrays = false;
  DemandWalk on_demand;
  REQUIRE(by_index.run(whole) == on_demand.run(whole));
  size_t fine = 0;
  for (int turn = 0; turn < 20000; ++turn) {
    std::string text = whole;
    for (auto damages = random() % 3 + 1; damages > 0; --damages) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = letters[random() % letters.size()];
          break;
        case 1:
          text.erase(at, random() % 8 + 1);
          break;
        default:
          text.insert(at, 1, letters[random() % letters.size()]);
      }
    }
    const std::string seen = by_index.run(text);
    if (seen.find("BROKEN") == std::string::npos && !by_index.escaped_key) {
      ++fine;
      CAPTURE(text);
      CHECK(seen == on_demand.run(text));
    }
  }
  CHECK(fine > 500);
}
