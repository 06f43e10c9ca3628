#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/arena.h"
#include "tailrace/labels.h"
#include "tailrace/result.h"

/// Loki's label string: `{app="api", pod="api-7f9c"}`.
///
/// Names are `[a-zA-Z_][a-zA-Z0-9_]*`, values Go string literals in UTF-8.
/// Source: Loki pkg/logql/syntax/lex.go; wire-facts section 2.
namespace tailrace::loki {

/// The name with every character that Loki does not take replaced by `_`, and a `_` before a
/// leading digit.
std::string legacy_label_name(std::string_view name);

/// True when Loki takes structured metadata of this name: it replaces what is no ASCII letter or
/// digit by `_`, but one of these must be there. A push with another name is answered 500 however
/// often it comes, and none of it is stored. Source: Loki pkg/distributor/distributor.go;
/// prometheus/otlptranslator, LabelNamer.
constexpr bool is_metadata_name(std::string_view name) noexcept {
  for (const char c : name) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
      return true;
    }
  }
  return false;
}

/// Appends the label string. Names must be good, values valid UTF-8; both are written in the order
/// given (Loki sorts by itself; sorted ones make equal sets equal texts). Control characters are
/// written as \uNNNN, which Go and JSON both read.
void append_label_string(std::string& to, std::span<const Label> labels);

/// Most pairs that are read. Servers take far fewer (Loki 15 by default).
inline constexpr size_t kMaxLabels = 256;

/// Reads a label string: double-quoted values with Go's escapes, and raw ones in backticks. Pairs
/// with empty values are left out. Refused: names that are none or come twice, values that are not
/// UTF-8, anything else around. Views in `out` point into `text`, or into the arena where a value
/// had to be unescaped.
Status parse_label_string(std::string_view text, Arena& arena, std::vector<Label>& out);

}  // namespace tailrace::loki
