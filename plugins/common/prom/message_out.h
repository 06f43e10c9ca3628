#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "codec/proto_writer.h"

/// Two sinks with one face, so that a message's size and its bytes come from one description:
/// `SizeOut` counts, `BytesOut` writes where there is room for what was counted.
namespace tailrace::common::prom {

struct SizeOut {
  size_t size = 0;

  void varint(uint32_t field, uint64_t value) noexcept {
    size += codec::varint_field_size(field, value);
  }
  void real(uint32_t field, double) noexcept { size += codec::proto_tag_size(field) + 8; }
  void fixed64(uint32_t field, uint64_t) noexcept { size += codec::proto_tag_size(field) + 8; }
  void bytes(uint32_t field, std::string_view content) noexcept {
    size += codec::bytes_field_size(field, content.size());
  }
  void header(uint32_t field, size_t length) noexcept {
    size += codec::bytes_field_size(field, length) - length;
  }
  void raw_varint(uint64_t value) noexcept { size += codec::varint_size(value); }
  void raw_real(double) noexcept { size += 8; }
  void raw(std::string_view content) noexcept { size += content.size(); }
};

struct BytesOut {
  char* to;

  void varint(uint32_t field, uint64_t value) noexcept {
    to = codec::write_varint_field(to, field, value);
  }
  void real(uint32_t field, double value) noexcept {
    to = codec::write_double_field(to, field, value);
  }
  void fixed64(uint32_t field, uint64_t value) noexcept {
    to = codec::write_fixed64_field(to, field, value);
  }
  void bytes(uint32_t field, std::string_view content) noexcept {
    to = codec::write_bytes_field(to, field, content);
  }
  void header(uint32_t field, size_t length) noexcept {
    to = codec::write_bytes_header(to, field, length);
  }
  void raw_varint(uint64_t value) noexcept { to = codec::write_varint(to, value); }
  void raw_real(double value) noexcept {
    std::memcpy(to, &value, sizeof value);
    to += sizeof value;
  }
  void raw(std::string_view content) noexcept {
    if (!content.empty()) {
      std::memcpy(to, content.data(), content.size());
    }
    to += content.size();
  }
};

/// A message field: `describe(out)` is run to count and, when `out` writes, once more to write.
template <class Out, class Describe>
void put_message(Out& out, uint32_t field, const Describe& describe) noexcept {
  SizeOut length;
  describe(length);
  out.header(field, length.size);
  if constexpr (requires { out.size; }) {
    out.size += length.size;
  } else {
    describe(out);
  }
}

}  // namespace tailrace::common::prom
