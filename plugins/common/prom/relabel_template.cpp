#include "plugins/common/prom/relabel_template.h"

#include <cstdint>
#include <optional>

namespace tailrace::common::prom {

namespace {

/// A variable at the start of a text.
struct Variable {
  std::string_view name;
  size_t length = 0;  // of all that is written, braces included
};

/// Letters beyond ASCII are taken too, as Go does; what is no letter there is so rare in a name
/// that they are not told apart.
bool is_reference_byte(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// What follows a `$`: the longest name, or one in braces.
std::optional<Variable> variable_at(std::string_view text) noexcept {
  const bool braces = text.starts_with('{');
  const size_t start = braces ? 1 : 0;
  size_t end = start;
  while (end < text.size() && is_reference_byte(text[end])) {
    ++end;
  }
  if (end == start || (braces && (end == text.size() || text[end] != '}'))) {
    return std::nullopt;
  }
  return Variable{text.substr(start, end - start), braces ? end + 1 : end};
}

/// The number of a group, or null when the name is not one: a leading zero makes it a name.
std::optional<size_t> group_number(std::string_view name) noexcept {
  constexpr size_t kTooLarge = 100'000'000;
  if (name.size() > 1 && name[0] == '0') {
    return std::nullopt;
  }
  size_t number = 0;
  for (const char c : name) {
    if (c < '0' || c > '9' || number >= kTooLarge) {
      return std::nullopt;
    }
    number = number * 10 + static_cast<size_t>(c - '0');
  }
  return number;
}

}  // namespace

void expand_template(std::string_view text, std::span<const std::string_view> groups,
                     std::span<const std::string> names, std::string& out) {
  while (true) {
    const size_t dollar = text.find('$');
    out.append(text.substr(0, dollar));
    if (dollar == std::string_view::npos) {
      return;
    }
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      out.push_back('$');
      text.remove_prefix(1);
      continue;
    }
    const auto variable = variable_at(text);
    if (!variable) {
      out.push_back('$');
      continue;
    }
    text.remove_prefix(variable->length);
    if (const auto number = group_number(variable->name)) {
      if (*number < groups.size()) {
        out.append(groups[*number]);
      }
      continue;
    }
    for (size_t i = 0; i < names.size() && i + 1 < groups.size(); ++i) {
      // Of several groups of one name the first that took part in the match.
      if (names[i] == variable->name && groups[i + 1].data() != nullptr) {
        out.append(groups[i + 1]);
        break;
      }
    }
  }
}

}  // namespace tailrace::common::prom
