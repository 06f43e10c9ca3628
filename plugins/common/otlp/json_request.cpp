#include "plugins/common/otlp/json_request.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "codec/base64.h"
#include "codec/decimal.h"
#include "codec/proto_writer.h"
#include "plugins/common/otlp/request_checker.h"

namespace tailrace::common::otlp {

using codec::JsonType;
using codec::JsonValue;

namespace {

/// Digits, or what JSON makes of a whole number in another way (1e3, 5.0).
template <class T>
bool read_integer(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) {
    return true;
  }
  double number = 0;
  if (!codec::parse_decimal(text, number) || number != std::floor(number)) {
    return false;
  }
  // Beyond 2^63 (2^64) the nearest double may be outside; powers of two are exact.
  constexpr double kBeyond = static_cast<double>(std::numeric_limits<T>::max() / 2 + 1) * 2;
  if (number >= kBeyond || number < static_cast<double>(std::numeric_limits<T>::min())) {
    return false;
  }
  value = static_cast<T>(number);
  return true;
}

const Field* find_field(MessageType type, std::string_view name, uint32_t& number) noexcept {
  for (number = 1; number <= kMaxField; ++number) {
    const Field& field = field_of(type, number);
    if (field.type != FieldType::none && field.json_name == name) {
      return &field;
    }
  }
  return nullptr;
}

}  // namespace

void JsonRequestReader::release() {
  reader_.release();
  arena_.reset(0);
}

Status JsonRequestReader::convert(Signal signal, std::string_view json, size_t limit,
                                  codec::GrowingBuffer& out) {
  arena_.reset();
  out.clear();
  out_ = &out;
  limit_ = limit;
  error_ = {ErrorCode::invalid, {}};
  const MessageType type = request_of(signal);
  bool good = true;
  const bool whole =
      reader_.each_padded_field(json, arena_, [&](std::string_view key, JsonValue& value) {
        good = add_field(type, key, value, 1);
        return good;
      });
  if (good && whole) {
    return {};
  }
  if (error_.message.empty()) {
    error_.message = "the body is not a JSON object, or a broken one";
  }
  return tl::unexpected(error_);
}

bool JsonRequestReader::wrong(std::string what) {
  if (error_.message.empty()) {
    error_.message = std::move(what);
  }
  return false;
}

bool JsonRequestReader::add_field(MessageType type, std::string_view key, JsonValue& value,
                                  unsigned depth) {
  uint32_t number = 0;
  const Field* const field = find_field(type, key, number);
  bool good = true;
  if (field == nullptr || value.type() == JsonType::null) {
    good = read_over(value, depth);
  } else if (!field->repeated) {
    good = add_value(*field, number, value, depth);
  } else if (value.type() != JsonType::array) {
    good = wrong("not a list");
  } else if (field->type == FieldType::message || field->type == FieldType::string) {
    good = value.each_item([&](JsonValue& item) {
      good = add_value(*field, number, item, depth);
      return good;
    }) && good;
  } else {
    good = add_packed(*field, number, value);
  }
  if (!good) {
    if (error_.message.empty()) {
      error_.message = "broken JSON";
    }
    if (error_.message.size() < 200) {  // the way to it, from the inside out
      error_.message = fmt::format("{}.{}: {}", name_of(type), key.substr(0, 50), error_.message);
    }
    return false;
  }
  if (out_->size() > limit_) {
    error_.code = ErrorCode::limit;
    return wrong(fmt::format("more than {} bytes as protobuf", limit_));
  }
  return true;
}

/// What we do not know must be JSON all the same.
bool JsonRequestReader::read_over(JsonValue& value, unsigned depth) {
  if (depth >= kMaxNesting) {
    return wrong(fmt::format("nested deeper than {} values", kMaxNesting));
  }
  bool good = true;
  const auto go_on = [&](JsonValue& inner) {
    good = read_over(inner, depth + 1);
    return good;
  };
  if (value.type() == JsonType::object) {
    return value.each_field([&](std::string_view, JsonValue& inner) { return go_on(inner); }) &&
           good;
  }
  if (value.type() == JsonType::array) {
    return value.each_item(go_on) && good;
  }
  std::string_view text;
  return value.text(text);
}

bool JsonRequestReader::add_value(const Field& field, uint32_t number, JsonValue& value,
                                  unsigned depth) {
  if (field.type == FieldType::message) {
    return add_message(field.message, number, value, depth);
  }
  const JsonType given = value.type();
  std::string_view text;
  if (given == JsonType::object || given == JsonType::array || !value.text(text)) {
    return wrong("neither a text nor a number");
  }
  return add_scalar(field.type, number, given, text);
}

bool JsonRequestReader::add_message(MessageType type, uint32_t number, JsonValue& value,
                                    unsigned depth) {
  if (depth >= kMaxNesting) {
    return wrong(fmt::format("nested deeper than {} messages", kMaxNesting));
  }
  if (value.type() != JsonType::object) {
    return wrong("not an object");
  }
  const size_t place = begin_field(number);
  bool good = true;
  good = value.each_field([&](std::string_view key, JsonValue& inner) {
    good = add_field(type, key, inner, depth + 1);
    return good;
  }) && good;
  end_field(place);
  return good;
}

bool JsonRequestReader::add_packed(const Field& field, uint32_t number, JsonValue& value) {
  const size_t place = begin_field(number);
  bool good = true;
  good = value.each_item([&](JsonValue& item) {
    std::string_view text;
    good = item.text(text);
    uint64_t bits = 0;
    if (good && field.type == FieldType::packed_real) {
      double real = 0;
      good = codec::parse_decimal(text, real);
      std::memcpy(&bits, &real, sizeof bits);
    } else if (good) {
      good = read_integer(text, bits);
    }
    if (!good) {
      return wrong("not a number");
    }
    char* to = out_->reserve(codec::kMaxVarintBytes);
    if (field.type == FieldType::packed_uint64) {
      to = codec::write_varint(to, bits);
    } else {
      std::memcpy(to, &bits, sizeof bits);
      to += sizeof bits;
    }
    out_->advance_to(to);
    return true;
  }) && good;
  end_field(place);
  return good;
}

bool JsonRequestReader::add_scalar(FieldType type, uint32_t number, JsonType given,
                                   std::string_view text) {
  constexpr size_t kRoom = 2 * codec::kMaxVarintBytes;
  const bool is_text = given == JsonType::string;
  const auto varint = [&](uint64_t value) {
    out_->advance_to(codec::write_varint_field(out_->reserve(kRoom), number, value));
    return true;
  };
  const auto fixed64 = [&](uint64_t value) {
    out_->advance_to(codec::write_fixed64_field(out_->reserve(kRoom), number, value));
    return true;
  };
  switch (type) {
    case FieldType::string:
      if (!is_text) {
        return wrong("not a text");
      }
      out_->advance_to(codec::write_bytes_field(out_->reserve(kRoom + text.size()), number, text));
      return true;
    case FieldType::trace_id:
    case FieldType::span_id:
      return is_text ? add_id(number, text) : wrong("not a text");
    case FieldType::bytes: {
      const size_t place = begin_field(number);
      size_t size = 0;
      char* const to = out_->reserve(codec::base64_decoded_bound(text.size()));
      if (!is_text || !codec::base64_decode(text, to, size)) {
        return wrong("not base64");
      }
      out_->advance_to(to + size);
      end_field(place);
      return true;
    }
    case FieldType::boolean:
      return given == JsonType::boolean ? varint(text == "true" ? 1 : 0)
                                        : wrong("neither true nor false");
    case FieldType::enumeration: {
      int32_t value = 0;
      return given == JsonType::number && read_integer(text, value)
                 ? varint(static_cast<uint64_t>(int64_t{value}))
                 : wrong("not a number (enumerations are written as numbers)");
    }
    case FieldType::uint32: {
      uint32_t value = 0;
      return read_integer(text, value) ? varint(value) : wrong("not a 32-bit number");
    }
    case FieldType::int64: {
      int64_t value = 0;
      return read_integer(text, value) ? varint(static_cast<uint64_t>(value))
                                       : wrong("not a 64-bit number");
    }
    case FieldType::sint32: {
      int32_t value = 0;
      return read_integer(text, value) ? varint(codec::zigzag(value) & UINT32_MAX)
                                       : wrong("not a 32-bit number");
    }
    case FieldType::fixed32: {
      uint32_t value = 0;
      if (!read_integer(text, value)) {
        return wrong("not a 32-bit number");
      }
      char* to = codec::write_tag(out_->reserve(kRoom), number, codec::WireType::fixed32);
      std::memcpy(to, &value, sizeof value);
      out_->advance_to(to + sizeof value);
      return true;
    }
    case FieldType::fixed64: {
      uint64_t value = 0;
      return read_integer(text, value) ? fixed64(value) : wrong("not a 64-bit number");
    }
    case FieldType::sfixed64: {
      int64_t value = 0;
      return read_integer(text, value) ? fixed64(static_cast<uint64_t>(value))
                                       : wrong("not a 64-bit number");
    }
    case FieldType::real: {
      double value = 0;
      if (given == JsonType::boolean || !codec::parse_decimal(text, value)) {
        return wrong("not a number");
      }
      out_->advance_to(codec::write_double_field(out_->reserve(kRoom), number, value));
      return true;
    }
    case FieldType::none:
    case FieldType::message:
    case FieldType::packed_uint64:
    case FieldType::packed_fixed64:
    case FieldType::packed_real:
      break;
  }
  return wrong("a field that is no scalar");
}

bool JsonRequestReader::add_id(uint32_t number, std::string_view text) {
  char* to = out_->reserve(2 * codec::kMaxVarintBytes + text.size() / 2);
  to = codec::write_bytes_header(to, number, text.size() / 2);
  if (!codec::hex_decode(text, to)) {
    return wrong("not hexadecimal");
  }
  out_->advance_to(to + text.size() / 2);
  return true;
}

size_t JsonRequestReader::begin_field(uint32_t number) {
  char* const to = out_->reserve(2 * codec::kMaxVarintBytes);
  out_->advance_to(codec::write_tag(to, number, codec::WireType::bytes));
  const size_t place = out_->size();
  *out_->reserve(1) = 0;
  out_->advance_to(out_->reserve(1) + 1);
  return place;
}

/// Most messages are shorter than 128 bytes: one byte was left for the length.
void JsonRequestReader::end_field(size_t place) {
  const size_t length = out_->size() - place - 1;
  const size_t more = codec::varint_size(length) - 1;
  char* const end = out_->reserve(more);
  char* const at = end - length - 1;
  if (more > 0) {
    std::memmove(at + 1 + more, at + 1, length);
  }
  codec::write_varint(at, length);
  out_->advance_to(end + more);
}

}  // namespace tailrace::common::otlp
