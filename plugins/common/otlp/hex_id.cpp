#include "plugins/common/otlp/hex_id.h"

namespace tailrace::common::otlp {

namespace {

int digit_of(char c) noexcept {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

bool read_hex_id(std::string_view text, std::span<char> id) noexcept {
  if (text.size() != 2 * id.size()) {
    return false;
  }
  bool is_set = false;
  for (size_t i = 0; i < id.size(); ++i) {
    const int high = digit_of(text[2 * i]);
    const int low = digit_of(text[2 * i + 1]);
    if (high < 0 || low < 0) {
      return false;
    }
    id[i] = static_cast<char>(high << 4 | low);
    is_set = is_set || id[i] != 0;
  }
  return is_set;
}

}  // namespace tailrace::common::otlp
