#include "codec/json_text.h"

#include <array>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "codec/utf8.h"

namespace tailrace::codec {
namespace {

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// The four hex digits at `at`; -1 when they are none.
int32_t hex4(const char* at, const char* end) noexcept {
  if (end - at < 4) {
    return -1;
  }
  int32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_value(at[i]);
    if (digit < 0) {
      return -1;
    }
    value = value << 4 | digit;
  }
  return value;
}

char* write_utf8(char* to, uint32_t c) noexcept {
  if (c < 0x80) {
    *to++ = static_cast<char>(c);
  } else if (c < 0x800) {
    *to++ = static_cast<char>(0xc0 | c >> 6);
    *to++ = static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    *to++ = static_cast<char>(0xe0 | c >> 12);
    *to++ = static_cast<char>(0x80 | (c >> 6 & 0x3f));
    *to++ = static_cast<char>(0x80 | (c & 0x3f));
  } else {
    *to++ = static_cast<char>(0xf0 | c >> 18);
    *to++ = static_cast<char>(0x80 | (c >> 12 & 0x3f));
    *to++ = static_cast<char>(0x80 | (c >> 6 & 0x3f));
    *to++ = static_cast<char>(0x80 | (c & 0x3f));
  }
  return to;
}

/// Reads what follows `\u` at `at` (with a second half of a surrogate pair) and moves `at`.
bool read_unicode(const char*& at, const char* end, uint32_t& c) noexcept {
  const int32_t first = hex4(at, end);
  if (first < 0) {
    return false;
  }
  at += 4;
  c = static_cast<uint32_t>(first);
  if (c < 0xd800 || c > 0xdfff) {
    return true;
  }
  if (c <= 0xdbff && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
    const int32_t second = hex4(at + 2, end);
    if (second >= 0xdc00 && second <= 0xdfff) {
      at += 6;
      c = 0x10000 + ((c - 0xd800) << 10) + (static_cast<uint32_t>(second) - 0xdc00);
      return true;
    }
  }
  c = 0xfffd;  // half a pair stands for nothing
  return true;
}

/// For `"`, `\` and control characters what follows the backslash ('u' = \u00XX); 0 for the rest.
constexpr std::array<char, 256> make_escapes() {
  std::array<char, 256> table{};
  for (int c = 0; c < 0x20; ++c) {
    table[c] = 'u';
  }
  table['"'] = '"';
  table['\\'] = '\\';
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  table['\b'] = 'b';
  table['\f'] = 'f';
  return table;
}
constexpr std::array<char, 256> kEscapes = make_escapes();

void append_escaped_valid(std::string& to, std::string_view text) {
  size_t done = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    const char escape = kEscapes[byte];
    if (escape == 0) [[likely]] {
      continue;
    }
    to.append(text, done, i - done);
    done = i + 1;
    to += '\\';
    to += escape;
    if (escape == 'u') {
      constexpr char kHex[] = "0123456789abcdef";
      to += "00";
      to += kHex[byte >> 4];
      to += kHex[byte & 15];
    }
  }
  to.append(text, done, text.size() - done);
}

}  // namespace

void append_json_escaped(std::string& to, std::string_view text) {
  if (valid_utf8(text)) [[likely]] {
    append_escaped_valid(to, text);
    return;
  }
  std::string repaired;
  append_valid_utf8(repaired, text);
  append_escaped_valid(to, repaired);
}

const char* find_quote_or_backslash(const char* at, const char* end) noexcept {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const int hits = _mm_movemask_epi8(
        _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
    if (hits != 0) {
      return at + __builtin_ctz(static_cast<unsigned>(hits));
    }
  }
#endif
  while (at != end && *at != '"' && *at != '\\') {
    ++at;
  }
  return at;
}

bool json_unescape(std::string_view escaped, char* to, size_t& size) noexcept {
  const char* at = escaped.data();
  const char* const end = at + escaped.size();
  char* const begin = to;
  while (at != end) {
    const auto* stop =
        static_cast<const char*>(std::memchr(at, '\\', static_cast<size_t>(end - at)));
    const size_t plain = static_cast<size_t>((stop != nullptr ? stop : end) - at);
    std::memcpy(to, at, plain);
    to += plain;
    at += plain;
    if (stop == nullptr) {
      break;
    }
    if (end - at < 2) {
      return false;
    }
    const char kind = at[1];
    at += 2;
    switch (kind) {
      case '"':
      case '\\':
      case '/':
        *to++ = kind;
        break;
      case 'n':
        *to++ = '\n';
        break;
      case 't':
        *to++ = '\t';
        break;
      case 'r':
        *to++ = '\r';
        break;
      case 'b':
        *to++ = '\b';
        break;
      case 'f':
        *to++ = '\f';
        break;
      case 'u': {
        uint32_t c = 0;
        if (!read_unicode(at, end, c)) {
          return false;
        }
        to = write_utf8(to, c);
        break;
      }
      default:
        return false;
    }
  }
  size = static_cast<size_t>(to - begin);
  return true;
}

}  // namespace tailrace::codec
