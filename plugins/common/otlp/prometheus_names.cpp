#include "plugins/common/otlp/prometheus_names.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

namespace tailrace::common::otlp {

namespace {

using Word = std::pair<std::string_view, std::string_view>;

constexpr std::array<Word, 25> kUnits{
    {{"d", "days"},          {"h", "hours"},         {"min", "minutes"},    {"s", "seconds"},
     {"ms", "milliseconds"}, {"us", "microseconds"}, {"ns", "nanoseconds"}, {"By", "bytes"},
     {"KiBy", "kibibytes"},  {"MiBy", "mebibytes"},  {"GiBy", "gibibytes"}, {"TiBy", "tibibytes"},
     {"KBy", "kilobytes"},   {"MBy", "megabytes"},   {"GBy", "gigabytes"},  {"TBy", "terabytes"},
     {"m", "meters"},        {"V", "volts"},         {"A", "amperes"},      {"J", "joules"},
     {"W", "watts"},         {"g", "grams"},         {"Cel", "celsius"},    {"Hz", "hertz"},
     {"%", "percent"}}};
constexpr std::array<Word, 7> kPerUnits{{{"s", "second"},
                                         {"m", "minute"},
                                         {"h", "hour"},
                                         {"d", "day"},
                                         {"w", "week"},
                                         {"mo", "month"},
                                         {"y", "year"}}};

std::string_view look_up(std::span<const Word> words, std::string_view word) noexcept {
  const auto found = std::ranges::find(words, word, &Word::first);
  return found == words.end() ? word : found->second;
}

/// Without blanks around it; "" for a unit in braces, which only describes what is counted.
std::string_view bare(std::string_view unit) noexcept {
  const size_t first = unit.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || unit.find_first_of("{}") != std::string_view::npos) {
    return {};
  }
  return unit.substr(first, unit.find_last_not_of(" \t\r\n") - first + 1);
}

/// `bytes` and `per_second` of `By/s`.
struct UnitWords {
  std::string main;
  std::string per;
};
UnitWords words_of(std::string_view unit) {
  const size_t slash = std::min(unit.find('/'), unit.size());
  UnitWords words;
  if (const std::string_view main = bare(unit.substr(0, slash)); main != "1") {
    words.main = look_up(kUnits, main);
  }
  if (const std::string_view per = bare(unit.substr(std::min(slash + 1, unit.size())));
      !per.empty()) {
    words.per = "per_" + std::string(look_up(kPerUnits, per));
  }
  return words;
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_name_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == ':';
}

/// Other characters become `_`, one for several in a row and none in front.
std::string clean(std::string_view unit) {
  std::string out;
  for (const char c : unit) {
    if (is_name_character(c)) {
      out += c;
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  return out;
}

void trim_underscore(std::string& text) {
  if (text.ends_with('_')) {
    text.pop_back();
  }
}

/// The runs of characters that may be kept.
std::vector<std::string> tokens_of(std::string_view name, bool keep_underscores) {
  std::vector<std::string> tokens;
  bool within = false;
  for (const char c : name) {
    if (is_name_character(c) || (c == '_' && keep_underscores)) {
      if (!std::exchange(within, true)) {
        tokens.emplace_back();
      }
      tokens.back() += c;
    } else {
      within = false;
    }
  }
  return tokens;
}

bool has(const std::vector<std::string>& tokens, const std::string& word) {
  return std::ranges::find(tokens, word) != tokens.end();
}

void put_last(std::vector<std::string>& tokens, const std::string& word) {
  std::erase(tokens, word);
  tokens.push_back(word);
}

void add_unit(std::vector<std::string>& tokens, std::string_view unit) {
  const UnitWords words = words_of(unit);
  std::string main = clean(words.main);
  std::string per = clean(words.per);
  if (has(tokens, main)) {
    main.clear();
  }
  trim_underscore(per);
  if (per == "per" || has(tokens, per)) {
    per.clear();
  }
  if (!per.empty()) {
    trim_underscore(main);
  }
  for (std::string* word : {&main, &per}) {
    if (!word->empty()) {
      tokens.push_back(std::move(*word));
    }
  }
}

std::string escaped_name(std::string_view name, std::string_view unit, NameKind kind,
                         bool suffixes) {
  std::vector<std::string> tokens = tokens_of(name, !suffixes);
  if (suffixes) {
    add_unit(tokens, unit);
    if (kind == NameKind::counter) {
      put_last(tokens, "total");
    }
    if (kind == NameKind::gauge && unit == "1") {
      put_last(tokens, "ratio");
    }
  }
  std::string result;
  for (const std::string& token : tokens) {
    result.append(result.empty() ? "" : "_").append(token);
  }
  if (!result.empty() && is_digit(result[0])) {
    result.insert(0, 1, '_');
  }
  const bool is_name = result == name || result.find_first_not_of('_') != std::string::npos;
  return is_name ? result : std::string();
}

/// Takes a suffix off, and the character in front of it.
void take_suffix(std::string& name, std::string_view suffix) {
  if (name.ends_with(suffix) && name.size() > suffix.size() + 1) {
    name.resize(name.size() - suffix.size() - 1);
  }
}

std::string name_with_suffixes(std::string_view name, std::string_view unit, NameKind kind) {
  const UnitWords words = words_of(unit);
  const std::string_view last = kind == NameKind::counter                ? "total"
                                : kind == NameKind::gauge && unit == "1" ? "ratio"
                                                                         : "";
  std::string result(name);
  for (const std::string_view suffix : {last, std::string_view(words.per)}) {
    if (!suffix.empty()) {
      take_suffix(result, suffix);
    }
  }
  if (!words.main.empty() && !result.ends_with(words.main)) {
    result += "_" + words.main;
  }
  for (const std::string_view suffix : {std::string_view(words.per), last}) {
    if (!suffix.empty()) {
      result.append("_").append(suffix);
    }
  }
  return result;
}

}  // namespace

std::string metric_name(std::string_view name, std::string_view unit, NameKind kind,
                        Translation translation) {
  if (escapes(translation)) {
    return escaped_name(name, unit, kind, adds_suffixes(translation));
  }
  return adds_suffixes(translation) ? name_with_suffixes(name, unit, kind) : std::string(name);
}

std::string unit_name(std::string_view unit, Translation translation) {
  UnitWords words = words_of(unit);
  if (escapes(translation)) {
    words = {clean(words.main), clean(words.per)};
  }
  std::string result = words.main;
  if (!words.per.empty()) {
    result.append(result.empty() ? "" : "_").append(words.per);
  }
  trim_underscore(result);
  return result;
}

std::string unit_of_words(std::string_view words) {
  const auto look_back = [](std::span<const Word> known, std::string_view word) {
    const auto found = std::ranges::find(known, word, &Word::second);
    return found == known.end() ? word : found->first;
  };
  if (words == "ratio") {
    return "1";
  }
  constexpr std::string_view kPer = "_per_";
  const size_t per = words.find(kPer);
  std::string unit(look_back(kUnits, words.substr(0, per)));
  if (per != std::string_view::npos) {
    unit.append("/").append(look_back(kPerUnits, words.substr(per + kPer.size())));
  }
  return unit;
}

}  // namespace tailrace::common::otlp
