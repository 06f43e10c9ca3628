#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tailrace::codec {

/// MD5, for formats that are defined by it. Protects nothing.
/// Source: RFC 1321.
std::array<uint8_t, 16> md5(std::string_view bytes) noexcept;

}  // namespace tailrace::codec
