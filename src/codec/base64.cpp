#include "codec/base64.h"

#include <array>
#include <cstdint>

namespace tailrace::codec {

namespace {

using Digits = std::array<int8_t, 256>;

constexpr Digits kBase64 = [] {
  Digits digits{};
  digits.fill(-1);
  int8_t value = 0;
  for (const char c :
       std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")) {
    digits[static_cast<uint8_t>(c)] = value++;
  }
  digits['-'] = digits['+'];
  digits['_'] = digits['/'];
  return digits;
}();

constexpr Digits kHex = [] {
  Digits digits{};
  digits.fill(-1);
  for (int8_t i = 0; i < 16; ++i) {
    digits[static_cast<uint8_t>("0123456789abcdef"[i])] = i;
    digits[static_cast<uint8_t>("0123456789ABCDEF"[i])] = i;
  }
  return digits;
}();

}  // namespace

bool base64_decode(std::string_view text, char* to, size_t& size) noexcept {
  if (text.size() % 4 == 0 && !text.empty()) {
    for (int i = 0; i < 2 && text.ends_with('='); ++i) {
      text.remove_suffix(1);
    }
  }
  if (text.size() % 4 == 1) {
    return false;
  }
  const char* const begin = to;
  uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const int8_t digit = kBase64[static_cast<uint8_t>(c)];
    if (digit < 0) {
      return false;
    }
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      *to++ = static_cast<char>(bits >> count);
    }
  }
  size = static_cast<size_t>(to - begin);
  return true;
}

bool hex_decode(std::string_view text, char* to) noexcept {
  if (text.size() % 2 != 0) {
    return false;
  }
  for (size_t i = 0; i < text.size(); i += 2) {
    const int8_t high = kHex[static_cast<uint8_t>(text[i])];
    const int8_t low = kHex[static_cast<uint8_t>(text[i + 1])];
    if (high < 0 || low < 0) {
      return false;
    }
    *to++ = static_cast<char>(high << 4 | low);
  }
  return true;
}

}  // namespace tailrace::codec
