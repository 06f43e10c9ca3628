#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "codec/proto_writer.h"
#include "codec/varint.h"

namespace tailrace::common::otlp {

/// Walks the fields of one message with their exact bytes, for who copies most of them as they are:
///
///   RawFields fields(message);
///   while (fields.next()) {
///     if (fields.is_bytes(key_value::kKey)) … fields.content() …
///     else out.append(fields.raw());
///   }
///
/// What is broken ends the walk; the batch was checked before. Groups are broken.
class RawFields {
 public:
  explicit RawFields(std::string_view message) noexcept
      : at_(message.data()), end_(message.data() + message.size()) {}

  bool next() noexcept {
    const char* at = at_;
    uint64_t tag = 0;
    if (!codec::read_varint(at, end_, tag)) {
      return false;
    }
    field_ = static_cast<uint32_t>(tag >> 3);
    type_ = static_cast<codec::WireType>(tag & 7);
    uint64_t value = 0;
    uint64_t length = 0;
    switch (type_) {
      case codec::WireType::varint:
        if (!codec::read_varint(at, end_, value)) {
          return false;
        }
        break;
      case codec::WireType::fixed64:
        length = 8;
        break;
      case codec::WireType::fixed32:
        length = 4;
        break;
      case codec::WireType::bytes:
        if (!codec::read_varint(at, end_, length)) {
          return false;
        }
        break;
      default:
        return false;
    }
    if (length > static_cast<uint64_t>(end_ - at)) {
      return false;
    }
    content_ = {at, static_cast<size_t>(length)};
    raw_ = {at_, static_cast<size_t>(at - at_) + static_cast<size_t>(length)};
    at_ = at + length;
    return true;
  }

  uint32_t field() const noexcept { return field_; }
  /// A message, a text or bytes with this number.
  bool is_bytes(uint32_t field) const noexcept {
    return field_ == field && type_ == codec::WireType::bytes;
  }
  /// Tag, length and content.
  std::string_view raw() const noexcept { return raw_; }
  /// Of texts, messages and fixed numbers.
  std::string_view content() const noexcept { return content_; }

 private:
  const char* at_;
  const char* end_;
  uint32_t field_ = 0;
  codec::WireType type_ = codec::WireType::varint;
  std::string_view raw_;
  std::string_view content_;
};

}  // namespace tailrace::common::otlp
