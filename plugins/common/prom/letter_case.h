#pragma once

#include <string>
#include <string_view>

namespace tailrace::common::prom {

/// Letters of all scripts, one for one (Unicode's simple mapping), whatever the locale. What is no
/// UTF-8 becomes U+FFFD where the text has anything beyond ASCII.
/// Source: Go strings.ToLower, strings.ToUpper.
void append_lower_case(std::string_view text, std::string& out);
void append_upper_case(std::string_view text, std::string& out);

}  // namespace tailrace::common::prom
