#include "codec/utf8.h"

#include <cstdint>

#include <simdjson.h>

namespace tailrace::codec {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

/// Length of the well-formed character at the start of `text` (not empty); or, negative, that of
/// the maximal invalid part there (Unicode 15, section 3.9, "U+FFFD Substitution of Maximal
/// Subparts").
int character_length(std::string_view text) noexcept {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) {
    return 1;
  }
  int length = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xbf;  // of the second byte
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if ((lead & 0xf0) == 0xe0) {
    length = 3;
    low = lead == 0xe0 ? 0xa0 : 0x80;   // no overlong forms
    high = lead == 0xed ? 0x9f : 0xbf;  // no surrogates
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    low = lead == 0xf0 ? 0x90 : 0x80;
    high = lead == 0xf4 ? 0x8f : 0xbf;  // nothing above U+10FFFF
  } else {
    return -1;
  }
  for (int i = 1; i < length; ++i) {
    if (static_cast<size_t>(i) >= text.size() || byte(i) < low || byte(i) > high) {
      return -i;
    }
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

}  // namespace

bool valid_utf8(std::string_view text) noexcept {
  return simdjson::validate_utf8(text.data(), text.size());
}

void append_valid_utf8(std::string& to, std::string_view text) {
  size_t good = 0;  // start of the valid run under way
  size_t at = 0;
  while (at < text.size()) {
    const int length = character_length(text.substr(at));
    if (length > 0) {
      at += static_cast<size_t>(length);
      continue;
    }
    to.append(text, good, at - good);
    to += kReplacement;
    at += static_cast<size_t>(-length);
    good = at;
  }
  to.append(text, good, at - good);
}

std::string_view make_valid_utf8(std::string_view text, Arena& arena) {
  if (valid_utf8(text)) [[likely]] {
    return text;
  }
  std::string repaired;
  repaired.reserve(text.size() + 16);
  append_valid_utf8(repaired, text);
  return arena.copy(repaired);
}

}  // namespace tailrace::codec
