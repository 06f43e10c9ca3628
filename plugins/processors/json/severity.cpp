#include "plugins/processors/json/severity.h"

#include <array>
#include <cstdint>

namespace tailrace::processors::json {

namespace {

constexpr std::string_view kFields[] = {
    "level",
    "severity",
    "lvl",
    "log.level",
    "loglevel",
    "logLevel",
    "log_level",
    "levelname",
    "level_name",
    "Level",
    "LEVEL",
    "Severity",
    "SEVERITY",
    "Lvl",
    "LVL",
    "severity_text",
    "severityText",
    "SeverityText",
    "SEVERITY_TEXT",
    "@level",
    "@l",
    "levelno",
    "severity_number",
    "severityNumber",
    "SeverityNumber",
};

struct Word {
  uint64_t letters;  // the first eight, packed
  std::string_view text;
  Severity severity;
};

constexpr uint64_t pack(std::string_view text) noexcept {
  uint64_t packed = 0;
  for (size_t i = 0; i < text.size() && i < 8; ++i) {
    packed |= uint64_t{static_cast<uint8_t>(text[i])} << (8 * i);
  }
  return packed;
}

constexpr Word word(std::string_view text, Severity severity) noexcept {
  return {pack(text), text, severity};
}

// The usual ones first.
constexpr std::array kWords = {
    word("info", Severity::info),
    word("error", Severity::error),
    word("warn", Severity::warn),
    word("debug", Severity::debug),
    word("warning", Severity::warn),
    word("trace", Severity::trace),
    word("fatal", Severity::fatal),
    word("critical", Severity::fatal),
    word("notice", Severity::info),
    word("err", Severity::error),
    word("information", Severity::info),
    word("verbose", Severity::trace),
    word("panic", Severity::fatal),
    word("dpanic", Severity::fatal),
    word("crit", Severity::fatal),
    word("alert", Severity::fatal),
    word("emerg", Severity::fatal),
    word("emergency", Severity::fatal),
    word("i", Severity::info),
    word("w", Severity::warn),
    word("e", Severity::error),
    word("f", Severity::fatal),
    word("d", Severity::debug),
    word("t", Severity::trace),
    word("c", Severity::fatal),
    word("inf", Severity::info),
    word("wrn", Severity::warn),
    word("dbg", Severity::debug),
    word("trc", Severity::trace),
    word("ftl", Severity::fatal),
    word("informational", Severity::info),
    word("severe", Severity::error),
    word("log", Severity::info),
    word("success", Severity::info),
    word("config", Severity::info),
    word("fine", Severity::debug),
    word("finer", Severity::trace),
    word("finest", Severity::trace),
    word("silly", Severity::trace),
};

constexpr size_t kLongestWord = 13;

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// Without the `+2` of INFO+2 or the `1` of DEBUG1.
std::string_view without_number(std::string_view text) noexcept {
  size_t size = text.size();
  while (size > 1 && is_digit(text[size - 1])) {
    --size;
  }
  if (size < text.size() && size > 1 && (text[size - 1] == '+' || text[size - 1] == '-')) {
    --size;
  }
  return text.substr(0, size);
}

}  // namespace

std::span<const std::string_view> default_severity_fields() noexcept {
  return kFields;
}

LevelScale scale_of_field(std::string_view field) noexcept {
  if (field == "levelno") {
    return LevelScale::python;
  }
  if (field == "severity_number" || field == "severityNumber" || field == "SeverityNumber") {
    return LevelScale::open_telemetry;
  }
  return LevelScale::level;
}

Severity severity_of_word(std::string_view text) noexcept {
  text = without_number(text);
  if (text.empty() || text.size() > kLongestWord) {
    return Severity::unset;
  }
  std::array<char, 16> lower{};
  for (size_t i = 0; i < text.size(); ++i) {
    const bool capital = text[i] >= 'A' && text[i] <= 'Z';
    lower[i] = static_cast<char>(capital ? text[i] | 0x20 : text[i]);
  }
  const std::string_view small(lower.data(), text.size());
  const uint64_t letters = pack(small);
  for (const Word& known : kWords) {
    if (known.letters == letters && known.text == small) {
      return known.severity;
    }
  }
  return Severity::unset;
}

bool is_ambiguous_level(int number) noexcept {
  return number >= 10 && number < 100;
}

Severity severity_of_level(int number, bool pino) noexcept {
  if (number < 0) {
    return Severity::unset;
  }
  if (number < 10) {
    constexpr Severity kSyslog[] = {
        Severity::fatal, Severity::fatal, Severity::fatal, Severity::error, Severity::warn,
        Severity::info,  Severity::info,  Severity::debug, Severity::trace, Severity::trace};
    return kSyslog[number];
  }
  if (number < 100) {
    // Pino has a level below Python's lowest.
    const int step = number / 10 + (pino ? 0 : 1);
    constexpr Severity kSteps[] = {Severity::trace, Severity::debug, Severity::info,
                                   Severity::warn,  Severity::error, Severity::fatal};
    return kSteps[step > 6 ? 5 : step - 1];
  }
  if (number <= 600) {
    return number < 200   ? Severity::debug
           : number < 300 ? Severity::info
           : number < 400 ? Severity::warn
           : number < 500 ? Severity::error
                          : Severity::fatal;
  }
  return Severity::unset;
}

Severity severity_of_otel(int number) noexcept {
  return number >= 1 && number <= 24 ? static_cast<Severity>(number) : Severity::unset;
}

}  // namespace tailrace::processors::json
