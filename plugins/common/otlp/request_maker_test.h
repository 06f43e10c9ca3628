#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "tailrace/batch.h"

#include "codec/proto_writer.h"
#include "plugins/common/otlp/messages.h"
#include "plugins/common/otlp/request_checker.h"
#include "plugins/common/otlp/schema.h"

namespace tailrace::common::otlp::test {

/// Makes random export requests from the tables of OpenTelemetry's messages, each as protobuf and
/// as the JSON that means the same, and says what must be found in them. Damage is done to the
/// structure: a wrong wire type, a length that is too long, nesting without end.
class RequestMaker {
 public:
  explicit RequestMaker(uint32_t seed) : random_(seed) {}

  /// The next request; `damage`: in so many of a thousand fields.
  void make(Signal signal, unsigned damage = 0) {
    protobuf.clear();
    json.clear();
    records = 0;
    refused = 0;
    must_fail = false;
    may_fail = false;
    has_unknown = false;
    damage_ = damage;
    message(request_of(signal), 0, protobuf, json);
  }
  bool chance(unsigned in_a_thousand) { return random_() % 1000 < in_a_thousand; }
  size_t below(size_t end) { return random_() % end; }

  std::string protobuf;
  std::string json;
  uint64_t records = 0;
  uint64_t refused = 0;      ///< Of the records: with ids that a backend does not take.
  bool must_fail = false;    ///< It is damaged so that it can mean nothing.
  bool may_fail = false;     ///< It is damaged, and may mean something else by chance.
  bool has_unknown = false;  ///< Fields that JSON does not know, too.

 private:
  /// Of the record that is made.
  struct Ids {
    bool bad = false;
    bool trace = false;
    bool span = false;
  };

  void message(MessageType type, unsigned depth, std::string& proto, std::string& as_json) {
    std::string fields;
    const bool leads = depth == 0 || holds_records(type);
    for (uint32_t number = 1; number <= kMaxField; ++number) {
      const Field& field = field_of(type, number);
      const bool to_records =
          field.type == FieldType::message && (is_record(field.message) || leads);
      size_t times = to_records ? below(4) : below(2);
      if (type == MessageType::span && number <= span::kSpanId && !chance(30)) {
        times = 1;
      }
      if (depth > kMaxDepth && field.type == FieldType::message && !to_records) {
        times = 0;
      }
      for (; times > 0; --times) {
        add(type, number, field, depth, proto, fields);
        if (!field.repeated && chance(900)) {
          break;
        }
      }
    }
    as_json += "{" + fields + "}";
  }

  void add(MessageType type, uint32_t number, const Field& field, unsigned depth,
           std::string& proto, std::string& fields) {
    if (field.type == FieldType::none) {
      if (chance(20)) {
        has_unknown = true;
        put_varint(proto, number, random_());
      }
      return;
    }
    if (chance(damage_)) {
      damage(field, number, proto);
      return;
    }
    std::string value;
    switch (field.type) {
      case FieldType::message:
        value = inner(number, field.message, depth, proto);
        break;
      case FieldType::string:
        value = quoted(put_text(proto, number));
        break;
      case FieldType::bytes:
        put_bytes(proto, number, "\xfb\xff\x01");
        value = "\"+/8B\"";
        break;
      case FieldType::trace_id:
        value = id(type, kTraceIdBytes, ids_.trace, number, proto);
        break;
      case FieldType::span_id: {
        bool ignored = false;
        const bool own = type == MessageType::span && number == span::kSpanId;
        value = id(own ? type : MessageType::none, kSpanIdBytes, own ? ids_.span : ignored, number,
                   proto);
        break;
      }
      case FieldType::packed_uint64:
      case FieldType::packed_fixed64:
      case FieldType::packed_real:
        value = packed(field.type, number, proto);
        break;
      default:
        value = scalar(field.type, number, proto);
    }
    fields += fmt::format("{}\"{}\":{}", fields.empty() ? "" : ",", field.json_name,
                          field.repeated && value.front() != '[' ? "[" + value + "]" : value);
  }

  std::string inner(uint32_t number, MessageType type, unsigned depth, std::string& proto) {
    const Ids outer = ids_;
    if (is_record(type)) {
      ids_ = {};
    }
    std::string content;
    std::string as_json;
    message(type, depth + 1, content, as_json);
    put_bytes(proto, number, content);
    if (is_record(type)) {
      ++records;
      refused +=
          ids_.bad || (type == MessageType::span && !(ids_.trace && ids_.span)) ? uint64_t{1} : 0;
      ids_ = outer;
    }
    return as_json;
  }

  std::string id(MessageType type, size_t size, bool& good, uint32_t number, std::string& proto) {
    std::string bytes(size, '\0');
    bytes.back() = static_cast<char>(1 + below(200));
    const bool is_span = type == MessageType::span;
    if (chance(50)) {
      constexpr std::array<size_t, 4> kSizes = {0, 1, 8, 16};
      bytes.resize(kSizes[below(kSizes.size())]);
    }
    if (chance(50)) {
      bytes.assign(bytes.size(), '\0');
    }
    const bool is_zero = bytes.find_first_not_of('\0') == std::string::npos;
    if (is_span) {
      good = bytes.size() == size && !is_zero;
      ids_.bad = ids_.bad || !good;
    } else {
      ids_.bad = ids_.bad || (bytes.size() != size && !bytes.empty());
    }
    put_bytes(proto, number, bytes);
    std::string hex;
    for (const char c : bytes) {
      hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    }
    return "\"" + hex + "\"";
  }

  std::string packed(FieldType type, uint32_t number, std::string& proto) {
    std::string content;
    std::string list;
    for (size_t i = 1 + below(3); i > 0; --i) {
      const uint64_t value = below(100'000);
      if (type == FieldType::packed_uint64) {
        put_number(content, value);
      } else {
        put_raw(content, type == FieldType::packed_real
                             ? std::bit_cast<uint64_t>(static_cast<double>(value))
                             : value);
      }
      list += (list.empty() ? "" : ",") +
              (chance(500) ? std::to_string(value) : "\"" + std::to_string(value) + "\"");
    }
    put_bytes(proto, number, content);
    return "[" + list + "]";
  }

  std::string scalar(FieldType type, uint32_t number, std::string& proto) {
    const auto value = static_cast<int64_t>(below(1'000'000)) - 500'000;
    const auto positive = static_cast<uint64_t>(std::abs(value));
    switch (type) {
      case FieldType::boolean:
        put_varint(proto, number, positive % 2);
        return positive % 2 != 0 ? "true" : "false";
      case FieldType::sint32:
        put_varint(proto, number, codec::zigzag(value));
        return std::to_string(value);
      case FieldType::int64:
        put_varint(proto, number, static_cast<uint64_t>(value));
        return fmt::format("\"{}\"", value);
      case FieldType::fixed32: {
        char room[codec::kMaxVarintBytes];
        proto.append(room, codec::write_tag(room, number, codec::WireType::fixed32));
        const auto bits = static_cast<uint32_t>(positive);
        std::memcpy(room, &bits, sizeof bits);
        proto.append(room, sizeof bits);
        return std::to_string(bits);
      }
      case FieldType::fixed64:
        put_fixed64(proto, number, positive);
        return chance(500) ? std::to_string(positive) : fmt::format("\"{}\"", positive);
      case FieldType::sfixed64:
        put_fixed64(proto, number, static_cast<uint64_t>(value));
        return std::to_string(value);
      case FieldType::real:
        put_fixed64(proto, number, std::bit_cast<uint64_t>(static_cast<double>(value) / 8));
        return fmt::format("{}", static_cast<double>(value) / 8);
      default:  // uint32, enumerations
        put_varint(proto, number, positive);
        return std::to_string(positive);
    }
  }

  std::string put_text(std::string& proto, uint32_t number) {
    constexpr std::array<std::string_view, 6> kTexts = {
        "", "service.name", "a \"b\"\\\n\t", "\xc3\xbc\xf0\x9f\x98\x80", "x", "\x01"};
    std::string text(kTexts[below(kTexts.size())]);
    if (chance(20)) {
      text.assign(100 + below(300), 'l');  // with a length of two bytes
    }
    put_bytes(proto, number, text);
    return text;
  }
  static std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') {
        out += '\\';
        out += c;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      } else {
        out += c;
      }
    }
    return out + "\"";
  }

  void damage(const Field& field, uint32_t number, std::string& proto) {
    const bool may_be_single = field.type == FieldType::packed_uint64 ||
                               field.type == FieldType::packed_fixed64 ||
                               field.type == FieldType::packed_real;
    switch (below(4)) {
      case 0: {  // a group, and wire types that are none
        put_number(proto, uint64_t{number} << 3 | std::array<uint64_t, 4>{3, 4, 6, 7}[below(4)]);
        must_fail = true;
        break;
      }
      case 1: {  // another wire type
        const bool is_bytes = field.type == FieldType::message || field.type == FieldType::string ||
                              field.type == FieldType::bytes || field.type == FieldType::trace_id ||
                              field.type == FieldType::span_id || may_be_single;
        if (is_bytes) {
          char room[2 * codec::kMaxVarintBytes];
          char* end = codec::write_tag(room, number, codec::WireType::fixed32);
          std::memset(end, 0, 4);
          proto.append(room, end + 4);
        } else {
          put_bytes(proto, number, "x");
        }
        must_fail = true;
        break;
      }
      case 2: {  // more bytes than there are
        put_number(proto, uint64_t{number} << 3 | 2);
        put_number(proto, uint64_t{1} << (20 + below(43)));
        must_fail = true;
        break;
      }
      default: {  // values in values, beyond what is taken
        std::string value;
        for (unsigned i = 0; i <= kMaxNesting; ++i) {
          std::string list;
          put_bytes(list, value_list::kValues, value);
          value.clear();
          put_bytes(value, any_value::kArray, list);
        }
        put_bytes(proto, number, value);
        may_fail = true;
      }
    }
  }

  static void put_number(std::string& to, uint64_t value) {
    char room[codec::kMaxVarintBytes];
    to.append(room, codec::write_varint(room, value));
  }
  static void put_raw(std::string& to, uint64_t value) {
    char room[sizeof value];
    std::memcpy(room, &value, sizeof value);
    to.append(room, sizeof value);
  }
  static void put_varint(std::string& to, uint32_t number, uint64_t value) {
    put_number(to, uint64_t{number} << 3);
    put_number(to, value);
  }
  static void put_fixed64(std::string& to, uint32_t number, uint64_t value) {
    put_number(to, uint64_t{number} << 3 | 1);
    put_raw(to, value);
  }
  static void put_bytes(std::string& to, uint32_t number, std::string_view content) {
    put_number(to, uint64_t{number} << 3 | 2);
    put_number(to, content.size());
    to += content;
  }

  static constexpr unsigned kMaxDepth = 8;
  std::mt19937 random_;
  unsigned damage_ = 0;
  Ids ids_;
};

}  // namespace tailrace::common::otlp::test
