#pragma once

#include <cstddef>
#include <string_view>

namespace tailrace::codec {

/// Most bytes that so many characters of base64 stand for.
constexpr size_t base64_decoded_bound(size_t characters) noexcept {
  return characters / 4 * 3 + 3;
}

/// Reads base64, of the usual alphabet or the one for URLs, padded or not, as protobuf's JSON wants
/// it. Writes at most base64_decoded_bound() bytes at `to` and sets `size`. False when it is none.
/// Source: RFC 4648, sections 4 and 5; protobuf "ProtoJSON Format".
bool base64_decode(std::string_view text, char* to, size_t& size) noexcept;

/// Reads pairs of hexadecimal digits of any case; writes text.size() / 2 bytes. False when it is
/// none.
bool hex_decode(std::string_view text, char* to) noexcept;

}  // namespace tailrace::codec
