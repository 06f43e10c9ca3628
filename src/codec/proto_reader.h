#pragma once

#include <cstdint>
#include <exception>
#include <string_view>

#include <protozero/pbf_reader.hpp>

#include "codec/proto_writer.h"

namespace tailrace::codec {

/// Walks the fields of one protobuf message without copying anything or throwing:
///
///   ProtoReader message(bytes);
///   while (message.next()) {
///     switch (message.field()) {
///       case 1: name = message.bytes(); break;
///       case 2: count = message.varint(); break;
///       default: message.skip();
///     }
///   }
///   if (!message.ok()) …   // broken, or a field had another wire type than asked for
///
/// After every next() that returned true exactly one of the reading calls must follow.
/// Lifetime: the bytes are borrowed; views point into them.
class ProtoReader {
 public:
  ProtoReader() = default;
  explicit ProtoReader(std::string_view message) noexcept
      : reader_(message.data(), message.size()) {}

  /// Moves to the next field; false at the end and after an error.
  bool next() noexcept {
    if (!ok_) {
      return false;
    }
    try {
      return reader_.next();
    } catch (const std::exception&) {
      return broken();
    }
  }
  /// False once anything was malformed.
  bool ok() const noexcept { return ok_; }

  uint32_t field() const noexcept { return reader_.tag(); }
  WireType wire_type() const noexcept { return static_cast<WireType>(reader_.wire_type()); }

  /// The content of a string, bytes or message field.
  std::string_view bytes() noexcept {
    if (!expect(protozero::pbf_wire_type::length_delimited)) {
      return {};
    }
    try {
      const auto view = reader_.get_view();
      return {view.data(), view.size()};
    } catch (const std::exception&) {
      broken();
      return {};
    }
  }
  uint64_t varint() noexcept {
    return read(protozero::pbf_wire_type::varint, [this] { return reader_.get_uint64(); });
  }
  uint64_t fixed64() noexcept {
    return read(protozero::pbf_wire_type::fixed64, [this] { return reader_.get_fixed64(); });
  }
  uint32_t fixed32() noexcept {
    return read(protozero::pbf_wire_type::fixed32, [this] { return reader_.get_fixed32(); });
  }
  void skip() noexcept {
    try {
      reader_.skip();
    } catch (const std::exception&) {
      broken();
    }
  }

 private:
  bool broken() noexcept {
    ok_ = false;
    return false;
  }
  bool expect(protozero::pbf_wire_type type) noexcept {
    return reader_.has_wire_type(type) || broken();
  }
  template <class F>
  auto read(protozero::pbf_wire_type type, F get) noexcept -> decltype(get()) {
    if (!expect(type)) {
      return 0;
    }
    try {
      return get();
    } catch (const std::exception&) {
      broken();
      return 0;
    }
  }

  protozero::pbf_reader reader_;
  bool ok_ = true;
};

}  // namespace tailrace::codec
