#pragma once

#include <string>
#include <string_view>

#include "tailrace/arena.h"

namespace tailrace::codec {

bool valid_utf8(std::string_view text) noexcept;

/// Appends `text` with every maximal invalid part replaced by U+FFFD (as browsers and Python do).
void append_valid_utf8(std::string& to, std::string_view text);

/// `text` itself when it is valid UTF-8 (no copy), else a repaired copy in the arena.
std::string_view make_valid_utf8(std::string_view text, Arena& arena);

}  // namespace tailrace::codec
