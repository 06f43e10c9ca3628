#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tailrace::common::prom {

inline bool has_variable(std::string_view text) noexcept {
  return text.find('$') != std::string_view::npos;
}

/// `text` with its `$1`, `${1}`, `${name}` and `$$` filled in, appended to `out`. groups[0] is the
/// whole match; names[i] is the name of group i + 1. What names no group is empty; a `$` that
/// begins nothing stays.
/// Source: Go regexp, Regexp.Expand.
void expand_template(std::string_view text, std::span<const std::string_view> groups,
                     std::span<const std::string> names, std::string& out);

}  // namespace tailrace::common::prom
