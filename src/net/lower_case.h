#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace tailrace::net {

/// ASCII letters in lower case, whatever the locale: names of hosts and headers are compared so.
inline std::string lower_case(std::string_view text) {
  std::string copy(text);
  std::ranges::transform(copy, copy.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return copy;
}

}  // namespace tailrace::net
