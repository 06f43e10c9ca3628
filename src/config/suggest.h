#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tailrace::config {

/// Number of single-character edits (insert, delete, replace, swap of neighbours) between two
/// words.
size_t edit_distance(std::string_view a, std::string_view b);

/// `did you mean "timeout"?` when one of the known words is close to what was written, else
/// `known: a, b, c` when they are few, else "".
std::string suggest(std::string_view written, const std::vector<std::string>& known);

}  // namespace tailrace::config
