#pragma once

#include <optional>
#include <string_view>

#include "tailrace/config_value.h"

namespace tailrace::config {

/// Parses one YAML document into a tree that knows where everything was written.
///
/// Aliases are expanded and merge keys (`<<`) applied; explicit keys win over merged ones, and the
/// first of several merged maps over the later ones. `${env:…}` and `${file:…}` are filled in
/// (references.h). What an alias stands for keeps the place of its anchor.
///
/// Errors:  syntax errors, repeated keys, several documents, keys that are not text, references
///          that lead nowhere and trees too large to be a configuration go to `issues`. Null is
///          returned only when there is no tree at all; a tree with issues can still be checked
///          further, so that everything wrong is told at once.
std::optional<ConfigValue> parse_yaml(std::string_view text, ConfigIssues& issues);

}  // namespace tailrace::config
