#include "plugins/common/prom/exposition/line_parser.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "codec/decimal.h"
#include "codec/utf8.h"
#include "plugins/common/prom/exposition/metadata.h"

namespace tailrace::common::prom {
namespace {

bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_name_char(char c) noexcept {
  return is_letter(c) || is_digit(c) || c == ':';
}
bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

/// Go's conversion of a float to an int64 on amd64.
int64_t to_ms(double seconds) noexcept {
  const double ms = seconds * 1000;
  constexpr double kLimit = 9223372036854775808.0;
  return ms >= -kLimit && ms < kLimit ? static_cast<int64_t>(ms)
                                      : std::numeric_limits<int64_t>::min();
}

/// Digits only; false if they do not fit.
bool parse_int(std::string_view digits, int64_t& value) noexcept {
  uint64_t sum = 0;
  for (const char c : digits) {
    const auto digit = static_cast<uint64_t>(c - '0');
    if (sum > (static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) - digit) / 10) {
      return false;
    }
    sum = sum * 10 + digit;
  }
  value = static_cast<int64_t>(sum);
  return true;
}

bool parse_value(std::string_view text, double& value) noexcept {
  if (!codec::parse_decimal(text, value)) {
    return false;
  }
  if (std::isnan(value)) {
    value = std::bit_cast<double>(kNormalNan);
  }
  return true;
}

bool parse_seconds(std::string_view text, int64_t& ms) noexcept {
  double seconds = 0;
  if (!codec::parse_decimal(text, seconds) || !std::isfinite(seconds)) {
    return false;
  }
  ms = to_ms(seconds);
  return true;
}

}  // namespace

LineKind LineParser::broken(std::string what) {
  error_ = std::move(what);
  return LineKind::broken;
}

bool LineParser::bad_tail(std::string what) {
  error_ = std::move(what);
  return false;
}

std::string LineParser::shown(const char* at) const {
  static constexpr size_t kMost = 40;
  if (at >= end_) {
    return "the end of the line";
  }
  const std::string_view rest(at, std::min<size_t>(static_cast<size_t>(end_ - at), kMost));
  std::string valid;
  codec::append_valid_utf8(valid, rest);
  return "`" + valid + "`";
}

const char* LineParser::skip_blanks(const char* at) const noexcept {
  if (!openmetrics_) {
    while (at != end_ && is_blank(*at)) {
      ++at;
    }
  }
  return at;
}

LineKind LineParser::parse(std::string_view line) {
  line_ = line;
  end_ = line.data() + line.size() - (line.ends_with('\n') ? 1 : 0);
  const char* at = skip_blanks(line.data());
  if (at == end_) {
    return openmetrics_ ? broken("a blank line") : LineKind::nothing;
  }
  if (*at == '#') {
    return parse_comment(at + 1);
  }
  if (*at == '\0' && !openmetrics_) {
    return LineKind::end;  // where Prometheus's lexer sees the end of the page
  }
  return parse_sample(at);
}

LineKind LineParser::parse_comment(const char* at) {
  const char* word = at;
  if (openmetrics_) {
    word += at != end_ && *at == ' ' ? 1 : 0;
  } else {
    word = skip_blanks(at);
  }
  if (word == at) {
    if (openmetrics_) {
      return broken("expected `# HELP`, `# TYPE`, `# UNIT` or `# EOF`");
    }
    // Only here does Prometheus's lexer take a NUL in a comment for the end of the page.
    return std::memchr(at, '\0', static_cast<size_t>(end_ - at)) != nullptr ? LineKind::end
                                                                            : LineKind::nothing;
  }
  const std::string_view text(word, static_cast<size_t>(end_ - word));
  if (openmetrics_ && text.starts_with("EOF")) {
    return text.size() == 3 ? LineKind::end : broken("unexpected data after # EOF");
  }
  LineKind kind = LineKind::nothing;
  if (text.size() > 4 && is_blank(text[4]) && (!openmetrics_ || text[4] == ' ')) {
    if (text.starts_with("HELP")) {
      kind = LineKind::help;
    } else if (text.starts_with("TYPE")) {
      kind = LineKind::type;
    } else if (text.starts_with("UNIT") && openmetrics_) {
      kind = LineKind::unit;
    }
  }
  if (kind == LineKind::nothing) {
    return openmetrics_ ? broken("expected HELP, TYPE, UNIT or EOF after `# `, got " + shown(word))
                        : kind;
  }
  return parse_metadata(kind, openmetrics_ ? word + 5 : skip_blanks(word + 4));
}

LineKind LineParser::parse_metadata(LineKind kind, const char* at) {
  const char* name = at;
  if (at != end_ && *at == '"') {
    at = skip_quoted(at, false, false);
    if (at == nullptr) {
      return broken("a quoted metric name that does not end");
    }
    meta_name_ = {name + 1, static_cast<size_t>(at - name) - 2};
  } else {
    if (at == end_ || !is_name_char(*at) || is_digit(*at)) {
      return broken("expected a metric name in metadata, got " + shown(at));
    }
    while (at != end_ && is_name_char(*at)) {
      ++at;
    }
    meta_name_ = {name, static_cast<size_t>(at - name)};
  }
  std::string_view text(at, static_cast<size_t>(end_ - at));
  if (openmetrics_) {
    if (!text.starts_with(' ')) {
      return broken("expected a blank and a text behind the metric name");
    }
    if (!line_.ends_with('\n')) {
      return broken("data does not end with # EOF");
    }
    meta_text_ = text.substr(1);
  } else {
    if (text.starts_with('\0')) {
      return broken("a NUL behind the metric name");
    }
    // Whatever the first byte is, it counts as the separator; blanks alone are no text.
    const bool blank = text.find_first_not_of(std::string_view(" \t\0", 3)) == text.npos;
    meta_text_ = blank || text.size() < 2 ? std::string_view() : text.substr(1);
  }
  return finish_metadata(kind);
}

LineKind LineParser::finish_metadata(LineKind kind) {
  switch (kind) {
    case LineKind::type:
      if (!parse_metric_type(meta_text_, openmetrics_, meta_type_)) {
        std::string valid;
        codec::append_valid_utf8(valid, meta_text_.substr(0, 40));
        return broken("invalid metric type `" + valid + "`");
      }
      break;
    case LineKind::help:
      if (!codec::valid_utf8(meta_text_)) {
        return broken("the help text is not valid UTF-8");
      }
      break;
    default:
      if (!meta_text_.empty() && !has_unit_suffix(meta_name_, meta_text_)) {
        return broken("the unit is not a suffix of the metric's name");
      }
  }
  return kind;
}

LineKind LineParser::parse_sample(const char* at) {
  raw_.clear();
  name_ = {};
  has_name_ = name_is_quoted_ = false;
  if (*at == '{') {
    ++at;
  } else {
    if (!is_name_char(*at) || is_digit(*at)) {
      return broken("expected a metric's name, got " + shown(at));
    }
    while (at != end_ && is_name_char(*at)) {
      ++at;
    }
    // From the line's start: Prometheus takes leading blanks for a part of the name.
    name_ = {line_.data(), static_cast<size_t>(at - line_.data())};
    has_name_ = true;
    const char* brace = skip_blanks(at);
    if (brace == end_ || *brace != '{') {
      series_ = name_;
      rest_ = line_.substr(series_.size());
      return LineKind::sample;
    }
    at = brace + 1;
  }
  const LineKind kind = parse_labels(at, raw_, false);
  if (kind != LineKind::sample) {
    return kind;
  }
  if (!has_name_) {
    return broken("a sample without a metric's name");
  }
  series_ = {line_.data(), static_cast<size_t>(at - line_.data())};
  rest_ = line_.substr(series_.size());
  return LineKind::sample;
}

LineKind LineParser::parse_labels(const char*& at, std::vector<RawLabel>& labels,
                                  bool of_exemplar) {
  at = skip_blanks(at);
  while (true) {
    if (at != end_ && *at == '}') {
      ++at;
      return LineKind::sample;
    }
    RawLabel label;
    bool quoted = false;
    LineKind kind = read_label_name(at, label.name, quoted, of_exemplar);
    if (kind != LineKind::sample) {
      return kind;
    }
    at = skip_blanks(at);
    if (quoted && !of_exemplar && at != end_ && (*at == ',' || *at == '}')) {
      if (has_name_) {
        return broken("the metric's name is given twice");
      }
      name_ = label.name;
      has_name_ = name_is_quoted_ = true;
      at = skip_blanks(*at == ',' ? at + 1 : at);
      continue;
    }
    if (at == end_ || *at != '=') {
      return broken("expected `=` behind a label's name, got " + shown(at));
    }
    at = skip_blanks(at + 1);
    kind = read_label_value(at, label.value);
    if (kind != LineKind::sample) {
      return kind;
    }
    labels.push_back(label);
    at = skip_blanks(at);
    if (at != end_ && *at == ',') {
      at = skip_blanks(at + 1);
    } else if (openmetrics_ && (at == end_ || *at != '}')) {
      // The text format needs no comma between labels.
      return broken("expected `,` or `}` behind a label, got " + shown(at));
    }
  }
}

LineKind LineParser::read_label_name(const char*& at, std::string_view& name, bool& quoted,
                                     bool of_exemplar) {
  const char* start = at;
  if (at != end_ && *at == '"') {
    const char* behind = skip_quoted(at, false, !of_exemplar);
    if (behind == nullptr) {
      const bool has_nul = std::memchr(at, '\0', static_cast<size_t>(end_ - at)) != nullptr;
      return of_exemplar || has_nul ? broken("a quoted name that does not end")
                                    : LineKind::open_quote;
    }
    quoted = true;
    name = {start + 1, static_cast<size_t>(behind - start) - 2};
    at = behind;
    return LineKind::sample;
  }
  if (at == end_ || !is_letter(*at)) {
    return broken("expected a label's name, got " + shown(at));
  }
  while (at != end_ && (is_letter(*at) || is_digit(*at))) {
    ++at;
  }
  name = {start, static_cast<size_t>(at - start)};
  return LineKind::sample;
}

LineKind LineParser::read_label_value(const char*& at, std::string_view& value) {
  if (at == end_ || *at != '"') {
    return broken("expected a label's value in quotes, got " + shown(at));
  }
  const char* behind = skip_quoted(at, true, !openmetrics_);
  if (behind == nullptr) {
    return openmetrics_ ? broken("a label's value that does not end") : LineKind::open_quote;
  }
  value = {at + 1, static_cast<size_t>(behind - at) - 2};
  at = behind;
  if (!codec::valid_utf8(value)) {
    return broken("a label's value is not valid UTF-8");
  }
  return LineKind::sample;
}

const char* LineParser::skip_quoted(const char* at, bool nul_allowed,
                                    bool line_break_allowed) const noexcept {
  for (++at; at < end_; ++at) {
    const char c = *at;
    if (c == '"') {
      return at + 1;
    }
    if (c == '\\') {
      do {
        ++at;
      } while (at < end_ && *at == '\0' && nul_allowed);
      if (at >= end_ || *at == '\n' || *at == '\0') {
        return nullptr;
      }
    } else if ((c == '\0' && !nul_allowed) || (c == '\n' && !line_break_allowed)) {
      return nullptr;
    }
  }
  return nullptr;
}

bool LineParser::parse_tail(std::string_view rest, SampleTail& tail) {
  tail.has_timestamp = tail.has_exemplar = tail.exemplar_has_timestamp = false;
  end_ = rest.data() + rest.size();
  const bool ended = rest.ends_with('\n');
  end_ -= ended ? 1 : 0;
  if (!openmetrics_) {
    return text_tail(rest.data(), end_, tail);
  }
  if (!openmetrics_tail(rest.data(), end_, tail)) {
    return false;
  }
  return ended || bad_tail("data does not end with # EOF");
}

bool LineParser::text_tail(const char* at, const char* end, SampleTail& tail) {
  at = skip_blanks(at);
  const char* start = at;
  while (at != end && !is_blank(*at) && *at != '{' && *at != '\0' && *at != '\n') {
    ++at;
  }
  const std::string_view value(start, static_cast<size_t>(at - start));
  if (!parse_value(value, tail.value)) {
    return bad_tail("expected a value, got " + shown(start));
  }
  at = skip_blanks(at);
  if (at == end) {
    return true;
  }
  start = at;
  while (at != end && is_digit(*at)) {
    ++at;
  }
  if (at == start || skip_blanks(at) != end) {
    return bad_tail("expected a timestamp or the end of the line, got " + shown(start));
  }
  tail.has_timestamp = true;
  return parse_int({start, static_cast<size_t>(at - start)}, tail.timestamp) ||
         bad_tail("a timestamp that is too large");
}

bool LineParser::openmetrics_tail(const char* at, const char* end, SampleTail& tail) {
  // A blank and what stands until the next one.
  const auto next_token = [&at, end](std::string_view& token) {
    if (at == end || *at != ' ') {
      return false;
    }
    const char* start = ++at;
    while (at != end && *at != ' ' && *at != '\0') {
      ++at;
    }
    token = {start, static_cast<size_t>(at - start)};
    return !token.empty();
  };
  const auto at_exemplar = [&at, end] {
    return std::string_view(at, static_cast<size_t>(end - at)).starts_with(" # {");
  };
  std::string_view token;
  if (!next_token(token) || !parse_value(token, tail.value)) {
    return bad_tail("expected a value, got " + shown(token.empty() ? at : token.data()));
  }
  if (at != end && !at_exemplar()) {
    if (!next_token(token) || !parse_seconds(token, tail.timestamp)) {
      return bad_tail("expected a timestamp, got " + shown(token.data()));
    }
    tail.has_timestamp = true;
  }
  if (at == end) {
    return true;
  }
  if (!at_exemplar()) {
    return bad_tail("expected the end of the line, got " + shown(at));
  }
  return parse_exemplar(at + 4, end, tail);
}

bool LineParser::parse_exemplar(const char* at, const char* end, SampleTail& tail) {
  tail.exemplar_text = {at - 1, static_cast<size_t>(end - at) + 1};
  exemplar_raw_.clear();
  if (parse_labels(at, exemplar_raw_, true) != LineKind::sample) {
    return false;
  }
  const std::string_view rest(at, static_cast<size_t>(end - at));
  const size_t second = rest.size() < 2 ? rest.npos : rest.find(' ', 1);
  const std::string_view value = rest.substr(0, second);
  if (!value.starts_with(' ') || !parse_value(value.substr(1), tail.exemplar_value)) {
    return bad_tail("expected a value behind the exemplar's labels, got " + shown(at));
  }
  if (second != rest.npos) {
    if (!parse_seconds(rest.substr(second + 1), tail.exemplar_timestamp)) {
      return bad_tail("expected the exemplar's timestamp, got " + shown(at + second));
    }
    tail.exemplar_has_timestamp = true;
  }
  tail.has_exemplar = true;
  tail.exemplar_labels.clear();
  for (const RawLabel& raw : exemplar_raw_) {
    tail.exemplar_labels.push_back({raw.name, raw.value});
  }
  return true;
}

std::string_view LineParser::unescaped(std::string_view raw) {
  if (raw.find('\\') == raw.npos) {
    return raw;
  }
  const size_t start = scratch_.size();
  append_unescaped(scratch_, raw);
  return std::string_view(scratch_).substr(start);
}

const std::vector<Label>& LineParser::labels(MetricType type) {
  static constexpr size_t kLongestNumber = 32;
  scratch_.clear();
  scratch_.reserve(series_.size() + kLongestNumber * raw_.size());
  labels_.clear();
  labels_.push_back({"__name__", name_is_quoted_ ? unescaped(name_) : name_});
  for (const RawLabel& raw : raw_) {
    Label label{unescaped(raw.name), unescaped(raw.value)};
    double number = 0;
    if (is_number_label(type, label.name) && codec::parse_decimal(label.value, number)) {
      const size_t start = scratch_.size();
      scratch_ += codec::openmetrics_number(number);
      label.value = std::string_view(scratch_).substr(start);
    }
    labels_.push_back(label);
  }
  return labels_;
}

}  // namespace tailrace::common::prom
