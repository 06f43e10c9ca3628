#pragma once

#include <span>
#include <string_view>

namespace tailrace::common::otlp {

/// Reads hexadecimal digits, of any case, of an id that has exactly this size and is not all zero.
/// False for any other text.
bool read_hex_id(std::string_view text, std::span<char> id) noexcept;

}  // namespace tailrace::common::otlp
