#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// The text of JSON strings: escaping for writers, unescaping for readers.
namespace tailrace::codec {

/// Appends `text` as the inside of a JSON string (without the quotes). Invalid UTF-8 becomes
/// U+FFFD, so the result is always valid JSON.
void append_json_escaped(std::string& to, std::string_view text);

/// Appends `"text"`, escaped.
inline void append_json_string(std::string& to, std::string_view text) {
  to += '"';
  append_json_escaped(to, text);
  to += '"';
}

/// The first `"` or `\` in [at, end), or end.
const char* find_quote_or_backslash(const char* at, const char* end) noexcept;

/// Undoes the escapes of a JSON string's inside. Writes at most escaped.size() bytes at `to` and
/// sets `size`. A lone surrogate becomes U+FFFD. False for a broken escape.
bool json_unescape(std::string_view escaped, char* to, size_t& size) noexcept;

}  // namespace tailrace::codec
