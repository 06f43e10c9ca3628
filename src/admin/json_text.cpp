#include "admin/json_text.h"

#include <cmath>

#include <fmt/format.h>

namespace tailrace::admin {

JsonText& JsonText::value(double number) {
  // JSON has no word for these.
  return std::isfinite(number) ? raw(fmt::format("{}", number)) : raw("null");
}

void JsonText::quote(std::string_view text) {
  text_ += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      text_ += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      text_ += c;
    }
  }
  text_ += '"';
}

}  // namespace tailrace::admin
