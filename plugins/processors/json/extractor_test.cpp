#include "plugins/processors/json/extractor.h"

#include <random>

#include <doctest/doctest.h>

#include "tailrace/block.h"

using namespace tailrace;
using namespace tailrace::processors::json;
using Shape = Extractor::Shape;
using Wanted = Extractor::Wanted;

namespace {

/// An extractor with the memory that its texts lie in.
class Subject {
 public:
  explicit Subject(const std::vector<Wanted>& wanted, const StringList& alternatives = {},
                   const SeverityConfig& severity = {.enabled = false})
      : extractor_(wanted, alternatives, severity) {}

  Shape run(std::string_view text) {
    arena_.reset();
    return extractor_.run(arena_.copy(text), arena_);
  }
  std::string value(size_t slot) const { return std::string(extractor_.value(slot)); }
  /// The value of slot 0 in `text`.
  std::string first(std::string_view text) {
    return run(text) == Shape::parsed ? value(0) : "(not parsed)";
  }
  Severity severity_of(std::string_view text) {
    CHECK(run(text) == Shape::parsed);
    return extractor_.severity();
  }
  const Extractor& extractor() const { return extractor_; }

 private:
  Arena arena_;
  Extractor extractor_;
};

Subject severities(SeverityConfig config = {}) {
  return Subject({}, {}, config);
}

}  // namespace

TEST_CASE("Extractor: what is JSON, and what is broken") {
  Subject subject({{"a"}});
  for (const char* text : {"", " ", "plain", "[1]", "\"a\"", "x {\"a\":1}", "7"}) {
    CHECK_MESSAGE(subject.run(text) == Shape::not_json, text);
  }
  for (const char* text : {"{\"a\":1}", "  {\"a\":1}\r\n", "{}", "{ }", "{\"b\":{}}"}) {
    CHECK_MESSAGE(subject.run(text) == Shape::parsed, text);
  }
  for (const char* text :
       {"{", "{\"a\":1", "{\"a\":\"x}", "{\"a\"}", "{a:1}", "{\"a\":}", "{\"b\":1,}", "{\"b\" 1}",
        "{\"b\":[}", "{{}}", "{\"a\":\"\\q\"}", "{\"b\":\"\xff\"}", "{not json}"}) {
    CHECK_MESSAGE(subject.run(text) == Shape::malformed, text);
  }
}

TEST_CASE("Extractor: a broken line leaves nothing of the line before") {
  Subject subject({{"a"}}, {}, {});
  CHECK(subject.first(R"({"a":"old","level":"error"})") == "old");
  CHECK(subject.run(R"({"b":1})") == Shape::parsed);
  CHECK(subject.value(0).empty());
  CHECK(subject.extractor().severity() == Severity::unset);
}

TEST_CASE("Extractor: what the last line looked like changes nothing for the next") {
  const std::vector<Wanted> wanted = {
      {"a"}, {"abcdefg"}, {"abcdefgh"}, {"abcdefghijklmno"}, {"abcdefghijklmnop"}, {"o.a"}};
  // Wanted ones, some that begin or end like them, and some that are written with escapes.
  const std::vector<std::string> keys = {
      "a",      "abcdefg",  "abcdefgh",         "abcdefghijklmno",   "abcdefghijklmnop", "b",
      "abcdef", "abcdefgx", "abcdefghijklmnoq", "abcdefghijklmnopq", "\\u0061",          "a\\\"",
      "a\\\\",  ""};
  Subject subject(wanted);
  std::mt19937 random(11);
  for (int round = 0; round < 3000; ++round) {
    std::string text = "{";
    for (uint32_t left = random() % 24; left > 0; --left) {
      text += '"' + keys[random() % keys.size()] + "\":" + std::to_string(random() % 100) +
              (left > 1 ? "," : "");
    }
    text += text.back() == '{' ? R"("o":{"a":1}})" : R"(,"o":{"b":2,"a":3}})";
    Subject fresh(wanted);
    REQUIRE(fresh.run(text) == Shape::parsed);
    REQUIRE(subject.run(text) == Shape::parsed);
    for (size_t slot = 0; slot < wanted.size(); ++slot) {
      REQUIRE_MESSAGE(subject.value(slot) == fresh.value(slot), text);
    }
  }
}

TEST_CASE("Extractor: values of every type") {
  Subject subject({{"a"}});
  CHECK(subject.first(R"({"a":"text"})") == "text");
  CHECK(subject.first(R"({"a":""})").empty());
  CHECK(subject.first(R"({"a":"q\"\\\n\u00e9\ud83d\ude00"})") == "q\"\\\né😀");
  CHECK(subject.first(R"({"a":-1.5e3 })") == "-1.5e3");
  CHECK(subject.first(R"({"a":true})") == "true");
  CHECK(subject.first(R"({"a":null})").empty());
  CHECK(subject.first(R"({"a": {"b": [1, 2]} , "c":1})") == R"({"b": [1, 2]})");
  CHECK(subject.first(R"({"a":[1,{"x":"]"}]})") == R"([1,{"x":"]"}])");
}

TEST_CASE("Extractor: text without escapes is a view into the line") {
  Arena arena;
  Extractor extractor({{"a"}}, {}, {.enabled = false});
  const std::string_view line = arena.copy(R"({"b":2,"a":"view"})");
  REQUIRE(extractor.run(line, arena) == Shape::parsed);
  CHECK(extractor.value(0).data() == line.data() + 12);
}

TEST_CASE("Extractor: types that are not wanted count as missing") {
  Subject scalar({{"a", Wanted::Type::scalar}});
  CHECK(scalar.first(R"({"a":{"b":1}})").empty());
  CHECK(scalar.first(R"({"a":[1]})").empty());
  CHECK(scalar.first(R"({"a":{"b":1},"a":7})") == "7");
  Subject limited({{"a", Wanted::Type::any, 4}});
  CHECK(limited.first(R"({"a":"1234"})") == "1234");
  CHECK(limited.first(R"({"a":"12345"})").empty());
  CHECK(limited.extractor().too_long() == 1);
}

TEST_CASE("Extractor: paths reach into objects, and a key with dots counts as well") {
  Subject subject({{"http.status"}, {"http.req.id"}, {"http2"}});
  CHECK(subject.run(R"({"http":{"x":0,"status":200,"req":{"id":"r1"}},"http2":"y"})") ==
        Shape::parsed);
  CHECK(subject.value(0) == "200");
  CHECK(subject.value(1) == "r1");
  CHECK(subject.value(2) == "y");
  CHECK(subject.run(R"({"http.status":404,"http.req":{"id":"r2"}})") == Shape::parsed);
  CHECK(subject.value(0) == "404");
  CHECK(subject.value(1) == "r2");
  CHECK(subject.run(R"({"http":{"req.id":"r3"}})") == Shape::parsed);
  CHECK(subject.value(1) == "r3");
  CHECK(subject.run(R"({"http":"no object","status":1})") == Shape::parsed);
  CHECK(subject.value(0).empty());
  CHECK(subject.run(R"({"http":{"status":200,}})") == Shape::malformed);
}

TEST_CASE("Extractor: names that begin alike, end early or are escaped") {
  Subject subject({{"lev"}, {"level"}, {"levels"}});
  CHECK(subject.run(R"({"level":2,"levels":3,"leve":9,"lev":1})") == Shape::parsed);
  CHECK(subject.value(0) == "1");
  CHECK(subject.value(1) == "2");
  CHECK(subject.value(2) == "3");
  CHECK(subject.run(R"({"\u006cevel":2})") == Shape::parsed);
  CHECK(subject.value(1).empty());
}

TEST_CASE("Extractor: the first of a repeated key counts, two slots may share one") {
  Subject subject({{"a"}, {"a"}, {"b"}});
  CHECK(subject.run(R"({"a":1,"a":2,"b":3})") == Shape::parsed);
  CHECK(subject.value(0) == "1");
  CHECK(subject.value(1) == "1");
  CHECK(subject.value(2) == "3");
}

TEST_CASE("Extractor: stops when everything is found") {
  Subject subject({{"a"}});
  CHECK(subject.first(R"({"a":1, what follows is not looked at })") == "1");
}

TEST_CASE("Extractor: of alternatives the first text in the line is taken") {
  Subject subject({{"a"}}, {"msg", "message", "log"});
  CHECK(subject.run(R"({"message":"m","msg":"n","a":1})") == Shape::parsed);
  CHECK(subject.value(1) == "m");
  CHECK(subject.run(R"({"log":{"level":"x"},"msg":7,"message":"late","a":1})") == Shape::parsed);
  CHECK(subject.value(1) == "late");
}

TEST_CASE("Extractor: severity by the usual fields") {
  auto subject = severities();
  CHECK(subject.severity_of(R"({"level":"warn"})") == Severity::warn);
  CHECK(subject.severity_of(R"({"msg":"x","severity":"ERROR"})") == Severity::error);
  CHECK(subject.severity_of(R"({"lvl":"dbug","LEVEL":"DEBUG"})") == Severity::debug);
  CHECK(subject.severity_of(R"({"log":{"logger":"l","level":"FATAL"}})") == Severity::fatal);
  CHECK(subject.severity_of(R"({"log.level":"info"})") == Severity::info);
  CHECK(subject.severity_of(R"({"@l":"Verbose"})") == Severity::trace);
  CHECK(subject.severity_of(R"({"level":"I"})") == Severity::info);
  CHECK(subject.severity_of(R"({"level":null,"severity":"notice"})") == Severity::info);
  CHECK(subject.severity_of(R"({"level":{"name":"error"}})") == Severity::unset);
  CHECK(subject.severity_of(R"({"level":true})") == Severity::unset);
  CHECK(subject.severity_of(R"({"msg":"level"})") == Severity::unset);
  CHECK(subject.severity_of(R"({"severity_number":17})") == Severity::error);
  CHECK(subject.severity_of(R"({"levelno":30,"time":1767323045123})") == Severity::warn);
  CHECK(subject.severity_of(R"({"level":6})") == Severity::info);
  CHECK(subject.severity_of(R"({"level":200,"level_name":"INFO"})") == Severity::info);
  CHECK(subject.severity_of(R"({"level":"30","v":1})") == Severity::info);
}

TEST_CASE("Extractor: numbers are pino's or bunyan's when other fields say so, else Python's") {
  auto subject = severities();
  CHECK(subject.severity_of(R"({"level":30,"time":1767323045123,"pid":7,"hostname":"h"})") ==
        Severity::info);
  CHECK(subject.severity_of(R"({"name":"n","hostname":"h","pid":7,"level":50,"v":0})") ==
        Severity::error);
  CHECK(subject.severity_of(R"({"pid":7,"level":35,"x":{"y":[1]},"hostname":"h"})") ==
        Severity::info);
  CHECK(subject.severity_of(R"({"level":20,"msg":"m","v":1})") == Severity::debug);
  CHECK(subject.severity_of(R"({"level":60,"time":1767323045123})") == Severity::fatal);
  CHECK(subject.severity_of(R"({"level":30,"msg":"m"})") == Severity::warn);
  CHECK(subject.severity_of(R"({"level":50,"pid":7})") == Severity::fatal);
  CHECK(subject.severity_of(R"({"level":30,"time":"2026-01-02T03:04:05Z","v":"1.0"})") ==
        Severity::warn);
  CHECK(subject.severity_of(R"({"level":30,"levelname":"DEBUG"})") == Severity::debug);
  // Nothing of one line is left for the next.
  CHECK(subject.severity_of(R"({"v":1,"pid":1,"hostname":"h"})") == Severity::unset);
  CHECK(subject.severity_of(R"({"level":30})") == Severity::warn);

  auto pino = severities({.numbers = LevelNumbers::pino});
  CHECK(pino.severity_of(R"({"level":30})") == Severity::info);
  auto python = severities({.numbers = LevelNumbers::python});
  CHECK(python.severity_of(R"({"level":30,"v":1})") == Severity::warn);
}

TEST_CASE("Extractor: fields of one's own replace the usual ones") {
  auto subject = severities({.fields = {"meta.sev", "prio"}});
  CHECK(subject.severity_of(R"({"level":"error","prio":"warn"})") == Severity::warn);
  CHECK(subject.severity_of(R"({"meta":{"sev":"E"}})") == Severity::error);
  CHECK(subject.severity_of(R"({"level":"error"})") == Severity::unset);
}

TEST_CASE("Extractor: an object that is taken as a whole is not searched for a severity") {
  Subject subject({{"log"}}, {}, {});
  CHECK(subject.run(R"({"log":{"level":"error"}})") == Shape::parsed);
  CHECK(subject.value(0) == R"({"level":"error"})");
  CHECK(subject.extractor().severity() == Severity::unset);
  CHECK(subject.run(R"({"log":"text","log.level":"error"})") == Shape::parsed);
  CHECK(subject.extractor().severity() == Severity::error);
}

TEST_CASE("Extractor: the result depends on the text alone, not on what lies behind it") {
  Extractor extractor({{"a"}, {"b.c"}}, {"msg"}, {});
  std::mt19937 random(7);
  const std::string good =
      R"( {"level":30,"a":"x\u00e9","b":{"c":[1,2,{"d":null}]},"msg":"hi \"you\"","pid":12} )";
  const std::string bytes = "{}[]\":,\\ tfn0123eE+-.\xc3\xa9\x01u";
  Arena arena;
  for (int round = 0; round < 20000; ++round) {
    arena.reset();
    std::string text = good.substr(0, random() % (good.size() + 1));
    for (unsigned k = random() % 4; k > 0 && !text.empty(); --k) {
      text[random() % text.size()] = bytes[random() % bytes.size()];
    }
    std::string results[2];
    for (const char filler : {'"', '5'}) {
      char* memory = arena.array<char>(text.size() + kBlockPadding);
      std::memcpy(memory, text.data(), text.size());
      std::memset(memory + text.size(), filler, kBlockPadding);
      const std::string_view line(memory, text.size());
      std::string& result = results[filler == '5' ? 1 : 0];
      const Shape shape = extractor.run(line, arena);
      result = std::to_string(static_cast<int>(shape));
      if (shape == Shape::parsed) {
        result += std::to_string(static_cast<int>(extractor.severity()));
        for (size_t slot = 0; slot < 3; ++slot) {
          result += "|" + std::string(extractor.value(slot));
        }
      }
    }
    REQUIRE_MESSAGE(results[0] == results[1], text);
  }
}

TEST_CASE("path_complaint: what can be taken") {
  for (const char* path : {"a", "a.b", "@l", "a b", "ä", "a.b.c.d"}) {
    CHECK_MESSAGE(path_complaint(path).empty(), path);
  }
  for (const char* path : {"", ".a", "a.", "a..b", "a\"b", "a\\b", "a\nb", "a.b.c.d.e"}) {
    CHECK_MESSAGE(!path_complaint(path).empty(), path);
  }
}
