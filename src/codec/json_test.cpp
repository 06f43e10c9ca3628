#include "codec/json.h"

#include <cstring>
#include <string>

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "codec/docker_line.h"
#include "codec/padded_bytes.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using codec::JsonReader;
using codec::JsonType;
using codec::JsonValue;
using namespace std::string_literals;

namespace {

/// Everything that a walk sees, as "key=type:text;"; nested objects in braces.
struct Walk {
  bool fields(std::string_view text) {
    return reader.each_field(
        text, arena, [this](std::string_view key, JsonValue& value) { return visit(key, value); });
  }
  bool visit(std::string_view key, JsonValue& value) {
    seen += std::string(key) + "=";
    const JsonType type = value.type();
    if (type == JsonType::object && descend) {
      seen += "{";
      ok &= value.each_field(
          [this](std::string_view inner, JsonValue& deep) { return visit(inner, deep); });
      seen += "}";
      return true;
    }
    std::string_view text;
    ok &= value.text(text);
    seen += "nbNsoa"[static_cast<int>(type)] + ":"s + std::string(text) + ";";
    return true;
  }
  JsonReader reader;
  Arena arena;
  std::string seen;
  bool descend = true;
  bool ok = true;
};

std::string walked(std::string_view text) {
  Walk walk;
  const bool whole = walk.fields(text);
  return walk.seen + (whole && walk.ok ? "" : "BROKEN");
}

/// Memory whose last byte lies right before a page that may not be read.
class GuardedText {
 public:
  explicit GuardedText(std::string_view text) : size_(text.size()) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    bytes_ = (text.size() / page + 1) * page;
    void* at =
        mmap(nullptr, bytes_ + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(at != MAP_FAILED);
    base_ = static_cast<char*>(at);
    REQUIRE(mprotect(base_ + bytes_, page, PROT_NONE) == 0);
    mapped_ = bytes_ + page;
    std::memcpy(base_ + bytes_ - size_, text.data(), size_);
  }
  ~GuardedText() { munmap(base_, mapped_); }
  std::string_view view() const { return {base_ + bytes_ - size_, size_}; }

 private:
  char* base_ = nullptr;
  size_t size_;
  size_t bytes_ = 0;
  size_t mapped_ = 0;
};

}  // namespace

TEST_CASE("JsonReader: every type, nested, in order") {
  CHECK(walked(R"({"a":"x","b":12.5e3,"c":true,"d":null,"e":{"f":{"g":-1}},"h":[1,{"i":2}]})") ==
        R"(a=s:x;b=N:12.5e3;c=b:true;d=n:null;e={f={g=N:-1;}}h=a:[1,{"i":2}];)");
  CHECK(walked("{}") == "");
  CHECK(walked(" { \"a\" : \"x\" , \"b\" : 1 \t} \n") == "a=s:x;b=N:1;");
  CHECK(walked(R"({"a":1,"a":2})") == "a=N:1;a=N:2;");
}

TEST_CASE("JsonReader: escapes in keys and values") {
  CHECK(walked(R"({"a\"b":"line\none","\u00fc":"\ud83d\ude00","":"\\"})") ==
        "a\"b=s:line\none;ü=s:😀;=s:\\;");
}

TEST_CASE("JsonReader: an object can be taken as raw text, and the walk goes on") {
  Walk walk;
  walk.descend = false;
  REQUIRE(walk.fields(R"({"a": {"b": [1, 2]} , "c": [ ] , "d": 1})"));
  CHECK(walk.ok);
  CHECK(walk.seen == R"(a=o:{"b": [1, 2]};c=a:[ ];d=N:1;)");
}

TEST_CASE("JsonReader: values that nobody reads are passed over") {
  JsonReader reader;
  Arena arena;
  std::string_view found;
  REQUIRE(reader.each_field(R"({"skip":{"x":[1,2,{"y":"}"}]},"also":"","want":"it"})", arena,
                            [&](std::string_view key, JsonValue& value) {
                              return key != "want" || (value.text(found), false);
                            }));
  CHECK(found == "it");
}

TEST_CASE("JsonReader: items of arrays") {
  JsonReader reader;
  Arena arena;
  std::string seen;
  REQUIRE(
      reader.each_field(R"({"list":["a",2,[3]]})", arena, [&](std::string_view, JsonValue& value) {
        return value.each_item([&](JsonValue& item) {
          std::string_view text;
          CHECK(item.text(text));
          seen += std::string(text) + ";";
          return true;
        });
      }));
  CHECK(seen == "a;2;[3];");
}

TEST_CASE("JsonReader: what is not an object, or broken") {
  for (const char* text : {"",
                           " ",
                           "x",
                           "[1]",
                           "12",
                           "\"a\"",
                           "null",
                           "{",
                           "{\"a\"",
                           "{\"a\":",
                           "{\"a\":1",
                           "{\"a\":1,}",
                           "{\"a\" 1}",
                           "{\"a\":\"x}",
                           "{a:1}",
                           "{\"a\":tru}",
                           "{\"a\":1x}",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":\"\xff\"}",
                           "{\"a\":\"\x01\"}",
                           "{\"a\":1 \"b\":2}"}) {
    CAPTURE(text);
    const std::string seen = walked(text);
    CHECK(seen.find("BROKEN") != std::string::npos);
  }
}

TEST_CASE("JsonReader: unescaped text points into what was given, not into a copy") {
  JsonReader reader;
  Arena arena;
  const GuardedText text(R"({"message":"at the very end of a page"})");
  std::string_view message;
  REQUIRE(reader.each_field(text.view(), arena, [&](std::string_view key, JsonValue& value) {
    CHECK(key.data() == text.view().data() + 2);
    return value.text(message);
  }));
  CHECK(message == "at the very end of a page");
  CHECK(message.data() == text.view().data() + 12);
}

TEST_CASE("JsonReader: long and short texts in turn, and after release") {
  JsonReader reader;
  Arena arena;
  for (const size_t size : {10UL, 100000UL, 5UL, 300000UL}) {
    const std::string text = "{\"m\":\"" + std::string(size, 'x') + "\"}";
    size_t got = 0;
    REQUIRE(reader.each_field(text, arena, [&](std::string_view, JsonValue& value) {
      std::string_view m;
      const bool ok = value.text(m);
      got = m.size();
      return ok;
    }));
    CHECK(got == size);
  }
  CHECK(reader.memory_bytes() >= 300000);
  reader.release();
  CHECK(reader.memory_bytes() == 0);
  CHECK(reader.each_field("{}", arena, [](std::string_view, JsonValue&) { return true; }));
}

TEST_CASE("JsonReader: fields by name, in whatever order they come") {
  JsonReader reader;
  Arena arena;
  const auto padded = codec::PaddedBytes::copy_of(
      R"({"x":{"values":[1,[2,"}"]],"stream":{"a":"b"},"last":"z"},"y":5})");
  std::string seen;
  REQUIRE(
      reader.each_padded_field(padded.view(), arena, [&](std::string_view key, JsonValue& value) {
        seen += std::string(key) + ":";
        auto object = value.object();
        if (!object) {
          seen += "none;";
          return true;
        }
        for (const char* name : {"stream", "values", "nope", "last"}) {
          std::string_view text = "-";
          if (auto found = object->find(name)) {
            CHECK(found->text(text));
          }
          seen += std::string(text) + ";";
        }
        return true;
      }));
  CHECK(seen == R"(x:{"a":"b"};[1,[2,"}"]];-;z;y:none;)");
}

TEST_CASE("JsonReader: a padded text is one object and nothing behind it") {
  JsonReader reader;
  Arena arena;
  const auto is_read = [&](std::string_view text) {
    const auto padded = codec::PaddedBytes::copy_of(text);
    return reader.each_padded_field(padded.view(), arena,
                                    [](std::string_view, JsonValue&) { return true; });
  };
  CHECK(is_read("{}"));
  CHECK(is_read(" {\"a\":[{}]}\r\n\t "));
  CHECK_FALSE(is_read("{}{}"));
  CHECK_FALSE(is_read("{\"a\":1}\n{\"b\":2}\n"));
  CHECK_FALSE(is_read("{\"a\":1},"));
  CHECK_FALSE(is_read("{} x"));
  const auto two = codec::PaddedBytes::copy_of("{\"a\":1}{}");
  CHECK(reader.each_padded_field(two.view(), arena, [](std::string_view, JsonValue&) {
    return false;  // who stops does not hear of the rest
  }));
}

TEST_CASE("DockerLineParser: the usual shapes") {
  codec::DockerLineParser parser;
  codec::DockerLine line;
  Arena arena;
  const int64_t time = 1767323045'600'000'000;

  const std::string plain =
      R"({"log":"hello\n","stream":"stdout","time":"2026-01-02T03:04:05.6Z"})";
  REQUIRE(parser.parse(plain, line, arena));
  CHECK(line.log == "hello");
  CHECK(line.log.data() == plain.data() + 8);  // not copied
  CHECK_FALSE(line.partial);
  CHECK(line.stream == "stdout");
  CHECK(line.has_time);
  CHECK(line.timestamp_ns == time);

  REQUIRE(parser.parse(R"({"log":"{\"a\":\"b\\n\"}\n","stream":"stderr",)"
                       R"("time":"2026-01-02T03:04:05.6Z"})",
                       line, arena));
  CHECK(line.log == R"({"a":"b\n"})");
  CHECK(line.stream == "stderr");
  CHECK_FALSE(line.partial);

  REQUIRE(parser.parse(R"({"log":"no newline","stream":"stdout","time":"2026-01-02T03:04:05.6Z"})",
                       line, arena));
  CHECK(line.log == "no newline");
  CHECK(line.partial);

  REQUIRE(
      parser.parse(R"({"log":"","stream":"stdout","time":"2026-01-02T03:04:05.6Z"})", line, arena));
  CHECK(line.log.empty());
  CHECK(line.partial);

  REQUIRE(parser.parse(R"({"log":"\n","stream":"stdout","time":"2026-01-02T03:04:05.6Z"})", line,
                       arena));
  CHECK(line.log.empty());
  CHECK_FALSE(line.partial);
}

TEST_CASE("DockerLineParser: other orders, attributes and missing fields") {
  codec::DockerLineParser parser;
  codec::DockerLine line;
  Arena arena;
  REQUIRE(parser.parse(R"({"log":"a\n","stream":"stdout","attrs":{"log":"no","tag":"t"},)"
                       R"("time":"2026-01-02T03:04:05.6Z"})",
                       line, arena));
  CHECK(line.log == "a");
  CHECK(line.has_time);
  REQUIRE(parser.parse(R"({"time":"2026-01-02T03:04:05.6Z", "log":"\u00fc\u000a"})", line, arena));
  CHECK(line.log == "ü");
  CHECK_FALSE(line.partial);
  CHECK(line.stream.empty());
  CHECK(line.has_time);
  REQUIRE(parser.parse(R"({"log":"a\n","stream":"stdout","time":"soon"})", line, arena));
  CHECK_FALSE(line.has_time);
  REQUIRE(parser.parse(R"({"log":"a\n"})", line, arena));
  CHECK_FALSE(line.has_time);
}

TEST_CASE("DockerLineParser: what is no docker line") {
  codec::DockerLineParser parser;
  codec::DockerLine line;
  Arena arena;
  for (const char* text :
       {"", "{", "plain text", "[]", "{}", R"({"log":1})", R"({"log":"x)", R"({"log":"x\)",
        R"({"log":"x\q","stream":"stdout","time":"2026-01-02T03:04:05.6Z"})",
        R"({"stream":"stdout","time":"2026-01-02T03:04:05.6Z"})"}) {
    CAPTURE(text);
    CHECK_FALSE(parser.parse(text, line, arena));
  }
}
