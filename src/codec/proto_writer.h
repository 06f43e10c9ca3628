#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "codec/varint.h"

/// Protobuf's wire format, for writers that know their sizes beforehand: every function writes at
/// a place where there is room and returns the place behind. Sizes come from the `_size` twins.
///
/// Source: protobuf "Encoding" (a field is a varint `number << 3 | wire type`, then its value).
namespace tailrace::codec {

enum class WireType : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

constexpr uint32_t proto_tag(uint32_t field, WireType type) noexcept {
  return field << 3 | static_cast<uint32_t>(type);
}
constexpr size_t proto_tag_size(uint32_t field) noexcept {
  return varint_size(field << 3);
}

inline char* write_tag(char* to, uint32_t field, WireType type) noexcept {
  return write_varint(to, proto_tag(field, type));
}

constexpr size_t varint_field_size(uint32_t field, uint64_t value) noexcept {
  return proto_tag_size(field) + varint_size(value);
}
inline char* write_varint_field(char* to, uint32_t field, uint64_t value) noexcept {
  return write_varint(write_tag(to, field, WireType::varint), value);
}

/// A whole length-delimited field with `length` bytes of content.
constexpr size_t bytes_field_size(uint32_t field, size_t length) noexcept {
  return proto_tag_size(field) + varint_size(length) + length;
}
/// Only tag and length; the content (or a message) follows.
inline char* write_bytes_header(char* to, uint32_t field, size_t length) noexcept {
  return write_varint(write_tag(to, field, WireType::bytes), length);
}
inline char* write_bytes_field(char* to, uint32_t field, std::string_view content) noexcept {
  to = write_bytes_header(to, field, content.size());
  if (!content.empty()) {
    std::memcpy(to, content.data(), content.size());
  }
  return to + content.size();
}

inline char* write_fixed64_field(char* to, uint32_t field, uint64_t value) noexcept {
  to = write_tag(to, field, WireType::fixed64);
  std::memcpy(to, &value, sizeof value);  // little-endian hosts only, as everywhere here
  return to + sizeof value;
}
inline char* write_double_field(char* to, uint32_t field, double value) noexcept {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return write_fixed64_field(to, field, bits);
}

}  // namespace tailrace::codec
