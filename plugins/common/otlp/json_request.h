#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tailrace/arena.h"
#include "tailrace/batch.h"
#include "tailrace/result.h"

#include "codec/growing_buffer.h"
#include "codec/json.h"
#include "plugins/common/otlp/messages.h"

namespace tailrace::common::otlp {

/// Makes protobuf of OTLP/JSON requests.
///
/// Shape:    keys in lowerCamelCase, unknown ones passed over; trace and span ids in hexadecimal,
///           other bytes in base64; 64-bit integers as strings or numbers; enumerations as numbers;
///           null as if it were not there. Of a key that comes twice the last value counts, as with
///           protobuf's own fields. The result is to be checked like any other request.
/// Lane:     one user at a time; keeps memory of a few times the longest text.
/// Source:   OTLP specification, "JSON Protobuf Encoding"; protobuf "ProtoJSON Format"; wire-facts
///           section 6.
class JsonRequestReader {
 public:
  /// `json` has kBlockPadding readable bytes behind it. Errors: invalid; limit (more than `limit`
  /// bytes of protobuf).
  Status convert(Signal signal, std::string_view json, size_t limit, codec::GrowingBuffer& out);
  void release();
  /// What a conversion needs beside its result, at most.
  static size_t scratch_bytes(size_t json_size) noexcept { return 7 * json_size + 64 * 1024; }

 private:
  bool add_field(MessageType type, std::string_view key, codec::JsonValue& value, unsigned depth);
  bool read_over(codec::JsonValue& value, unsigned depth);
  bool add_value(const Field& field, uint32_t number, codec::JsonValue& value, unsigned depth);
  bool add_message(MessageType type, uint32_t number, codec::JsonValue& value, unsigned depth);
  bool add_packed(const Field& field, uint32_t number, codec::JsonValue& value);
  bool add_scalar(FieldType type, uint32_t number, codec::JsonType given, std::string_view text);
  bool add_id(uint32_t number, std::string_view text);
  /// A length-delimited field whose length is not known yet; returns its place for end_field().
  size_t begin_field(uint32_t number);
  void end_field(size_t place);
  bool wrong(std::string what);

  codec::JsonReader reader_;
  Arena arena_;  // for unescaped text
  codec::GrowingBuffer* out_ = nullptr;
  size_t limit_ = 0;
  Error error_;
};

}  // namespace tailrace::common::otlp
