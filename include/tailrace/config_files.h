#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/config_value.h"
#include "tailrace/result.h"

/// For options that name further files. May block: at start-up, or on a worker thread.
namespace tailrace {

/// The whole content of a small file. An error's message is the reason alone, without the path.
Result<std::string> read_config_file(const std::string& path, size_t max_bytes);

/// Parses one YAML document as it is: no `${env:…}` is filled in. Repeated keys, tags and syntax
/// errors go to `issues`; null only when there is no tree at all. An empty text is a null value.
std::optional<ConfigValue> parse_plain_yaml(std::string_view text, ConfigIssues& issues);

/// Paths that a pattern with `*`, `?` and `[…]` matches, sorted; none when it matches nothing.
std::vector<std::string> files_matching(const std::string& pattern);

}  // namespace tailrace
