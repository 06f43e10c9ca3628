#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace tailrace::codec {

/// Without the blanks around a header's value. Source: RFC 9110 section 5.5 (OWS).
inline std::string_view trimmed(std::string_view text) noexcept {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// ASCII letters in lower case, whatever the locale: for names of hosts and headers, and for values
/// without a case.
inline std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

}  // namespace tailrace::codec
