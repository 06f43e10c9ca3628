#include "admin/json_text.h"

#include <cmath>

#include <fmt/format.h>

#include "codec/json_text.h"

namespace tailrace::admin {

JsonText& JsonText::value(double number) {
  // JSON has no word for these.
  return std::isfinite(number) ? raw(fmt::format("{}", number)) : raw("null");
}

void JsonText::quote(std::string_view text) {
  codec::append_json_string(text_, text);
}

}  // namespace tailrace::admin
