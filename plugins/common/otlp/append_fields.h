#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "codec/proto_writer.h"
#include "plugins/common/otlp/schema.h"

/// Fields of protobuf, appended to a string.
namespace tailrace::common::otlp {

/// A text, bytes or a message.
inline void append_field(std::string& out, uint32_t field, std::string_view content) {
  char head[2 * codec::kMaxVarintBytes];
  out.append(head, codec::write_bytes_header(head, field, content.size()));
  out.append(content);
}
inline void append_varint(std::string& out, uint32_t field, uint64_t value) {
  char room[2 * codec::kMaxVarintBytes];
  out.append(room, codec::write_varint_field(room, field, value));
}
inline void append_fixed64(std::string& out, uint32_t field, uint64_t value) {
  char room[codec::kMaxVarintBytes + sizeof value];
  out.append(room, codec::write_fixed64_field(room, field, value));
}
inline void append_double(std::string& out, uint32_t field, double value) {
  append_fixed64(out, field, std::bit_cast<uint64_t>(value));
}
/// A KeyValue whose value is a text.
inline void append_text_attribute(std::string& out, uint32_t field, std::string_view name,
                                  std::string_view value) {
  const size_t text = codec::bytes_field_size(any_value::kString, value.size());
  const size_t pair = codec::bytes_field_size(key_value::kKey, name.size()) +
                      codec::bytes_field_size(key_value::kValue, text);
  const size_t before = out.size();
  out.resize(before + codec::bytes_field_size(field, pair));
  char* to = codec::write_bytes_header(out.data() + before, field, pair);
  to = codec::write_bytes_field(to, key_value::kKey, name);
  to = codec::write_bytes_header(to, key_value::kValue, text);
  codec::write_bytes_field(to, any_value::kString, value);
}

/// Lets go of what an unusually large message made a string take that is used again and again.
inline void release_if_large(std::string& scratch) {
  constexpr size_t kKept = 1 << 20;
  if (scratch.capacity() > kKept) {
    std::string().swap(scratch);
  }
}

}  // namespace tailrace::common::otlp
