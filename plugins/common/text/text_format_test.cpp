#include "plugins/common/text/text_format.h"

#include <doctest/doctest.h>

#include "testkit/log_records.h"

using namespace tailrace;
using namespace tailrace::common::text;
using tailrace::testkit::LogBatchOf;
using tailrace::testkit::LogRecord;

namespace {

constexpr int64_t kTime = 1767323045'120'000'000;  // 2026-01-02T03:04:05.12Z

std::string shown(TextFormat format, LogRecord record,
                  std::map<std::string, std::string> labels = {{"app", "a"}, {"pod", "p"}}) {
  LabelInterner interner;
  Arena arena;
  LogBatchOf batch(interner, arena, std::move(labels), {std::move(record)});
  const std::string text = labels_text(format, *batch.batch().labels);
  std::string to = "before ";
  append_record(format, text, batch.batch(), 0, to);
  CHECK(to.starts_with("before "));
  CHECK(to.back() == '\n');
  return to.substr(7, to.size() - 8);
}

}  // namespace

TEST_CASE("text: raw is the line as it is") {
  CHECK(shown(TextFormat::raw, {.body = "a\x1b\xff b"}) == "a\x1b\xff b");
  CHECK(shown(TextFormat::raw, {.body = ""}).empty());
}

TEST_CASE("text: a JSON line holds everything") {
  CHECK(shown(TextFormat::json, {.body = "say \"hi\"\n\x1b[0m", .timestamp = kTime}) ==
        R"({"timestamp":"2026-01-02T03:04:05.12Z","labels":{"app":"a","pod":"p"},)"
        R"("line":"say \"hi\"\n\u001b[0m"})");
  CHECK(shown(TextFormat::json,
              {.body = "x",
               .timestamp = kTime + 1,
               .severity = Severity::warn,
               .metadata = {{"user", "u\\1"}, {"n", "2"}}},
              {}) ==
        R"({"timestamp":"2026-01-02T03:04:05.120000001Z","labels":{},"severity":"warn",)"
        R"("metadata":{"user":"u\\1","n":"2"},"line":"x"})");
  CHECK(shown(TextFormat::json, {.body = "\xff"}, {}).find("\"\xef\xbf\xbd\"") !=
        std::string::npos);
}

TEST_CASE("text: a human line shows time, labels and what is known") {
  CHECK(shown(TextFormat::human, {.body = "hello", .timestamp = kTime}) ==
        R"(2026-01-02T03:04:05.120Z {app="a",pod="p"} hello)");
  CHECK(shown(TextFormat::human, {.body = "hello",
                                  .timestamp = kTime,
                                  .severity = Severity::error,
                                  .metadata = {{"user", "a b"}}}) ==
        R"(2026-01-02T03:04:05.120Z {app="a",pod="p"} error user="a b" hello)");
}

TEST_CASE("text: human times have three digits, also before 1970") {
  const auto shown_at = [](int64_t ns) {
    return shown(TextFormat::human, {.body = "", .timestamp = ns}, {}).substr(0, 24);
  };
  CHECK(shown_at(0) == "1970-01-01T00:00:00.000Z");
  CHECK(shown_at(999'999'999) == "1970-01-01T00:00:00.999Z");
  CHECK(shown_at(1'000'000'000) == "1970-01-01T00:00:01.000Z");
  CHECK(shown_at(-1) == "1969-12-31T23:59:59.999Z");
  CHECK(shown_at(-1'000'000) == "1969-12-31T23:59:59.999Z");
  CHECK(shown_at(-1'000'001) == "1969-12-31T23:59:59.998Z");
}

TEST_CASE("text: nothing in a log can command a terminal") {
  const std::string line = shown(TextFormat::human,
                                 {.body = "a\x1b[2Jb\rc\x7f\td\xc2\x9b"
                                          "2Je\xff\xc3\xa9\nnext",
                                  .metadata = {{"k\x1b", "v\x1b"}}},
                                 {{"app", "\x1b]0;title\x07"}});
  for (const char c : line) {
    CHECK((static_cast<uint8_t>(c) >= 0x20 || c == '\t' || c == '\n'));
  }
  CHECK(line.find("\xc2\x9b") == std::string::npos);
  CHECK(line.find("a\\x1b[2Jb\\x0dc\\x7f\td\\u009b2Je\xef\xbf\xbd\xc3\xa9\n    next") !=
        std::string::npos);
}

TEST_CASE("text: an estimate is not far off") {
  LabelInterner interner;
  Arena arena;
  LogBatchOf batch(interner, arena, {{"app", "a"}},
                   {{.body = std::string(500, 'x'),
                     .timestamp = kTime,
                     .severity = Severity::info,
                     .metadata = {{"key", std::string(100, 'y')}}}});
  for (const auto format : {TextFormat::human, TextFormat::json, TextFormat::raw}) {
    const std::string labels = labels_text(format, *batch.batch().labels);
    std::string to;
    append_record(format, labels, batch.batch(), 0, to);
    const size_t estimate = estimate_record(format, labels, batch.batch(), 0);
    CHECK(estimate >= to.size());
    CHECK(estimate < to.size() + 100);
  }
}
