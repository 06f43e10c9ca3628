#include "plugins/common/loki/label_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/utf8.h"

namespace tailrace::loki {
namespace {

bool is_name_start(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_name_part(char c) noexcept {
  return is_name_start(c) || (c >= '0' && c <= '9');
}

void append_quoted(std::string& to, std::string_view value) {
  to += '"';
  for (const char c : value) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      to += '\\';
      to += c;
    } else if (c == '\n') {
      to += "\\n";
    } else if (c == '\t') {
      to += "\\t";
    } else if (c == '\r') {
      to += "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      to += fmt::format("\\u{:04x}", byte);
    } else {
      to += c;
    }
  }
  to += '"';
}

/// Walks a label string.
class Parser {
 public:
  Parser(std::string_view text, Arena& arena, std::vector<Label>& out)
      : text_(text), arena_(arena), out_(out) {}

  Status parse() {
    if (!take('{')) {
      return complain("expected '{'");
    }
    if (!take('}')) {
      for (;;) {
        if (Status pair = parse_pair(); !pair) {
          return pair;
        }
        if (take('}')) {
          break;
        }
        if (!take(',')) {
          return complain("expected ',' or '}'");
        }
        if (take('}')) {  // a comma before the end is fine in LogQL
          break;
        }
      }
    }
    skip_space();
    return at_ == text_.size() ? Status() : complain("unexpected text behind '}'");
  }

 private:
  Status parse_pair() {
    skip_space();
    const size_t begin = at_;
    while (at_ < text_.size() && is_name_part(text_[at_])) {
      ++at_;
    }
    const std::string_view name = text_.substr(begin, at_ - begin);
    if (name.empty() || !is_name_start(name[0])) {
      at_ = begin;
      return complain("expected a label name");
    }
    if (!take('=')) {
      return complain("expected '='");
    }
    skip_space();
    std::string_view value;
    if (Status read = parse_value(value); !read) {
      return read;
    }
    if (!codec::valid_utf8(value)) {
      return complain(fmt::format("value of {} is not UTF-8", name));
    }
    if (std::any_of(out_.begin(), out_.end(), [&](const Label& l) { return l.name == name; })) {
      return complain(fmt::format("label {} comes twice", name));
    }
    if (out_.size() == kMaxLabels) {
      return complain(fmt::format("more than {} labels", kMaxLabels));
    }
    out_.push_back({name, value});
    return {};
  }

  Status parse_value(std::string_view& value) {
    if (at_ == text_.size() || (text_[at_] != '"' && text_[at_] != '`')) {
      return complain("expected a quoted value");
    }
    const char quote = text_[at_++];
    const size_t begin = at_;
    bool escapes = false;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (quote == '"' && text_[at_] == '\\') {
        escapes = true;
        ++at_;
      }
      if (quote == '"' && at_ < text_.size() && text_[at_] == '\n') {
        return complain("line break in a quoted value");
      }
      ++at_;
    }
    if (at_ >= text_.size()) {
      return complain("quoted value does not end");
    }
    value = text_.substr(begin, at_ - begin);
    ++at_;
    return escapes ? unescape(value) : Status();
  }

  /// Undoes Go's escapes; `value` then lies in the arena.
  Status unescape(std::string_view& value) {
    char* const begin = arena_.array<char>(value.size());
    char* to = begin;
    size_t i = 0;
    while (i < value.size()) {
      if (value[i] != '\\') {
        *to++ = value[i++];
        continue;
      }
      const char kind = value[i + 1];  // the quoted value cannot end in a backslash
      i += 2;
      uint32_t code = 0;
      switch (kind) {
        case 'a':
          *to++ = '\a';
          break;
        case 'b':
          *to++ = '\b';
          break;
        case 'f':
          *to++ = '\f';
          break;
        case 'n':
          *to++ = '\n';
          break;
        case 'r':
          *to++ = '\r';
          break;
        case 't':
          *to++ = '\t';
          break;
        case 'v':
          *to++ = '\v';
          break;
        case '\\':
        case '"':
          *to++ = kind;
          break;
        case 'x':
          if (!digits(value, i, 2, 16, code)) {
            return complain("bad \\x escape");
          }
          *to++ = static_cast<char>(code);
          break;
        case 'u':
        case 'U':
          if (!digits(value, i, kind == 'u' ? 4 : 8, 16, code) || code > 0x10ffff ||
              (code >= 0xd800 && code <= 0xdfff)) {
            return complain("bad \\u escape");
          }
          to = put_utf8(to, code);
          break;
        default:
          --i;
          if (!digits(value, i, 3, 8, code) || code > 0xff) {
            return complain("unknown escape");
          }
          *to++ = static_cast<char>(code);
      }
    }
    value = {begin, static_cast<size_t>(to - begin)};
    return {};
  }

  static bool digits(std::string_view value, size_t& i, size_t count, uint32_t base,
                     uint32_t& code) {
    if (value.size() - i < count) {
      return false;
    }
    code = 0;
    for (size_t end = i + count; i < end; ++i) {
      const char c = value[i];
      const char low = static_cast<char>(c | 0x20);
      const uint32_t digit = c >= '0' && c <= '9'       ? static_cast<uint32_t>(c - '0')
                             : low >= 'a' && low <= 'f' ? static_cast<uint32_t>(low - 'a' + 10)
                                                        : 99;
      if (digit >= base) {
        return false;
      }
      code = code * base + digit;
    }
    return true;
  }

  static char* put_utf8(char* to, uint32_t c) {
    if (c < 0x80) {
      *to++ = static_cast<char>(c);
      return to;
    }
    const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    constexpr uint8_t kLead[] = {0, 0xc0, 0xe0, 0xf0};
    *to++ = static_cast<char>(kLead[more] | c >> (6 * more));
    for (int i = more - 1; i >= 0; --i) {
      *to++ = static_cast<char>(0x80 | (c >> (6 * i) & 0x3f));
    }
    return to;
  }

  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool take(char c) {
    skip_space();
    if (at_ < text_.size() && text_[at_] == c) {
      ++at_;
      return true;
    }
    return false;
  }
  tl::unexpected<Error> complain(std::string_view what) const {
    std::string start;
    codec::append_valid_utf8(start, text_.substr(0, 100));
    return fail(ErrorCode::invalid,
                fmt::format("labels {}: {} at character {}", start, what, at_ + 1));
  }

  std::string_view text_;
  Arena& arena_;
  std::vector<Label>& out_;
  size_t at_ = 0;
};

}  // namespace

std::string legacy_label_name(std::string_view name) {
  std::string out;
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) {
    out += '_';
  }
  for (const char c : name) {
    out += is_name_part(c) ? c : '_';
  }
  return out;
}

void append_label_string(std::string& to, std::span<const Label> labels) {
  to += '{';
  bool first = true;
  for (const Label& label : labels) {
    if (!first) {
      to += ", ";
    }
    first = false;
    to += label.name;
    to += '=';
    append_quoted(to, label.value);
  }
  to += '}';
}

Status parse_label_string(std::string_view text, Arena& arena, std::vector<Label>& out) {
  out.clear();
  if (Status parsed = Parser(text, arena, out).parse(); !parsed) {
    return parsed;
  }
  std::erase_if(out, [](const Label& label) { return label.value.empty(); });
  return {};
}

}  // namespace tailrace::loki
