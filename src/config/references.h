#pragma once

#include <string>
#include <string_view>

#include "tailrace/config_value.h"

namespace tailrace::config {

/// Sets `value.scalar` from the text as written, with every reference filled in:
///
///   ${env:NAME}             an environment variable; it must be set
///   ${env:NAME:-default}    the default where it is not set, or empty
///   ${file:/path}           a file's content, without its last line end
///   $${                     a plain ${
///
/// Other uses of `$` stay as they are: `${1}` means something to a relabeling rule. What was filled
/// in is not searched for references again, and makes the value secret.
///
/// Quotes around a reference do not turn a number into text, because within {…} YAML needs them.
void fill_references(std::string_view written, const std::string& path, ConfigValue& value,
                     ConfigIssues& issues);

}  // namespace tailrace::config
