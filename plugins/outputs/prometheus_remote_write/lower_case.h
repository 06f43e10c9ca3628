#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace tailrace::outputs::prometheus_remote_write {

/// ASCII letters in lower case, for names of headers.
inline std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

}  // namespace tailrace::outputs::prometheus_remote_write
