#include "plugins/processors/json/severity.h"

#include <doctest/doctest.h>

using namespace tailrace;
using namespace tailrace::processors::json;

TEST_CASE("severity: words of loggers, in any case") {
  const auto all_are = [](Severity severity, std::initializer_list<const char*> words) {
    for (const char* word : words) {
      CHECK_MESSAGE(severity_of_word(word) == severity, word);
    }
  };
  all_are(Severity::trace, {"trace", "TRACE", "Trc", "verbose", "finest", "T"});
  all_are(Severity::debug, {"debug", "DEBUG", "dbg", "d", "DEBUG1", "DEBUG-4", "fine"});
  all_are(Severity::info, {"info", "INFO", "Info", "I", "inf", "Information", "informational",
                           "notice", "INFO+2", "LOG"});
  all_are(Severity::warn, {"warn", "WARN", "warning", "Warning", "W", "wrn"});
  all_are(Severity::error, {"error", "ERROR", "err", "E", "SEVERE", "ERROR+12"});
  all_are(Severity::fatal, {"fatal", "critical", "CRIT", "panic", "dpanic", "F", "emerg",
                            "emergency", "alert", "ftl"});
}

TEST_CASE("severity: other words are unknown") {
  for (const char* word : {"", "x", "errors", "informatioX", "informationalx", "in fo", "+2", "7x",
                           "warn ing", "infx", "emergencx", "a very long text that is no level"}) {
    CHECK_MESSAGE(severity_of_word(word) == Severity::unset, word);
  }
}

TEST_CASE("severity: pino's numbers round down, Python's are one step higher") {
  struct Row {
    int number;
    Severity pino;
    Severity python;
  };
  for (const Row row :
       {Row{10, Severity::trace, Severity::debug}, Row{20, Severity::debug, Severity::info},
        Row{30, Severity::info, Severity::warn}, Row{35, Severity::info, Severity::warn},
        Row{40, Severity::warn, Severity::error}, Row{50, Severity::error, Severity::fatal},
        Row{60, Severity::fatal, Severity::fatal}, Row{99, Severity::fatal, Severity::fatal}}) {
    CAPTURE(row.number);
    CHECK(is_ambiguous_level(row.number));
    CHECK(severity_of_level(row.number, true) == row.pino);
    CHECK(severity_of_level(row.number, false) == row.python);
  }
}

TEST_CASE("severity: syslog's, Monolog's and OpenTelemetry's numbers") {
  CHECK(severity_of_level(0, true) == Severity::fatal);
  CHECK(severity_of_level(2, true) == Severity::fatal);
  CHECK(severity_of_level(3, true) == Severity::error);
  CHECK(severity_of_level(4, false) == Severity::warn);
  CHECK(severity_of_level(6, false) == Severity::info);
  CHECK(severity_of_level(7, false) == Severity::debug);
  CHECK(severity_of_level(100, false) == Severity::debug);
  CHECK(severity_of_level(250, false) == Severity::info);
  CHECK(severity_of_level(400, false) == Severity::error);
  CHECK(severity_of_level(600, false) == Severity::fatal);
  CHECK(severity_of_level(601, false) == Severity::unset);
  CHECK(severity_of_level(-1, false) == Severity::unset);
  CHECK_FALSE(is_ambiguous_level(9));
  CHECK_FALSE(is_ambiguous_level(100));
  CHECK(severity_of_otel(10) == Severity{10});
  CHECK(severity_of_otel(0) == Severity::unset);
  CHECK(severity_of_otel(25) == Severity::unset);
}
