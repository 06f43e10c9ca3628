#include "plugins/common/otlp/request_checker.h"

#include <array>
#include <cstring>

#include <fmt/format.h>

#include "codec/proto_reader.h"
#include "codec/proto_writer.h"
#include "plugins/common/otlp/messages.h"
#include "plugins/common/otlp/schema.h"

namespace tailrace::common::otlp {

namespace {

using codec::WireType;

/// What is done with a field's content.
enum class Action : uint8_t { pass, message, trace_id, span_id, fixed64s, varints, unknown };

/// A Field, as little of it as the walk needs.
struct Rule {
  WireType wire = WireType::varint;
  Action action = Action::unknown;
  MessageType message = MessageType::none;
};

Rule rule_of(const Field& field) noexcept {
  switch (field.type) {
    case FieldType::none:
      return {};
    case FieldType::string:
    case FieldType::bytes:
      return {WireType::bytes, Action::pass};
    case FieldType::trace_id:
      return {WireType::bytes, Action::trace_id};
    case FieldType::span_id:
      return {WireType::bytes, Action::span_id};
    case FieldType::boolean:
    case FieldType::uint32:
    case FieldType::int64:
    case FieldType::sint32:
    case FieldType::enumeration:
      return {WireType::varint, Action::pass};
    case FieldType::fixed32:
      return {WireType::fixed32, Action::pass};
    case FieldType::fixed64:
    case FieldType::sfixed64:
    case FieldType::real:
      return {WireType::fixed64, Action::pass};
    case FieldType::packed_uint64:
      return {WireType::bytes, Action::varints};
    case FieldType::packed_fixed64:
    case FieldType::packed_real:
      return {WireType::bytes, Action::fixed64s};
    case FieldType::message:
      return {WireType::bytes, Action::message, field.message};
  }
  return {};
}

using Rules = std::array<Rule, kMaxField + 1>;

const std::array<Rules, kMessageTypes>& all_rules() {
  static const std::array<Rules, kMessageTypes> rules = [] {
    std::array<Rules, kMessageTypes> all{};
    for (size_t type = 0; type < kMessageTypes; ++type) {
      for (uint32_t number = 0; number <= kMaxField; ++number) {
        all[type][number] = rule_of(field_of(static_cast<MessageType>(type), number));
      }
    }
    return all;
  }();
  return rules;
}

bool all_zero(const char* at, size_t size) noexcept {
  uint64_t first = 0;
  uint64_t last = 0;
  std::memcpy(&first, at, sizeof first);
  std::memcpy(&last, at + size - sizeof last, sizeof last);
  return (first | last) == 0;
}

/// Passes over a number.
bool skip_varint(const char*& at, const char* end) noexcept {
  for (size_t i = 0; i < codec::kMaxVarintBytes && at != end; ++i) {
    if (static_cast<uint8_t>(*at++) < 0x80) {
      return true;
    }
  }
  return false;
}

/// Whether a KeyValue is what nearly all attributes are: a key and a value that is a text or a
/// number, each once, none longer than a length of one byte can say. They are most of what is sent,
/// and to walk them as two messages takes three times as long.
bool is_plain_attribute(const char* at, const char* end) noexcept {
  constexpr auto kKey = static_cast<char>(codec::proto_tag(key_value::kKey, WireType::bytes));
  constexpr auto kValue = static_cast<char>(codec::proto_tag(key_value::kValue, WireType::bytes));
  const auto length_at = [](const char* tag) { return static_cast<uint8_t>(tag[1]); };
  if (end - at < 2 || *at != kKey || length_at(at) >= 0x80 || end - at < length_at(at) + 6) {
    return false;
  }
  at += 2 + length_at(at);
  if (*at != kValue || length_at(at) >= 0x80 || end - at != length_at(at) + 2) {
    return false;
  }
  at += 2;  // two bytes at least are left
  switch (static_cast<uint8_t>(*at)) {
    case codec::proto_tag(any_value::kString, WireType::bytes):
      return end - at == length_at(at) + 2;
    case codec::proto_tag(any_value::kBool, WireType::varint):
    case codec::proto_tag(any_value::kInt, WireType::varint):
      return skip_varint(++at, end) && at == end;
    case codec::proto_tag(any_value::kDouble, WireType::fixed64):
      return end - at == 9;
    default:
      return false;
  }
}

/// Walks one message after the other.
class Walk {
 public:
  explicit Walk(std::string_view body) noexcept : rules_(all_rules().data()), begin_(body.data()) {}

  /// Checks a message and all within it.
  bool message(const char* at, const char* end, MessageType type, unsigned depth) {
    if (depth > kMaxNesting) [[unlikely]] {
      return fail(at, type, 0, fmt::format("nested deeper than {} messages", kMaxNesting));
    }
    const Rules& rules = rules_[static_cast<size_t>(type)];
    while (at != end) {
      const char* const field_at = at;
      uint64_t tag = static_cast<uint8_t>(*at);
      if (tag < 0x80) [[likely]] {
        ++at;
      } else if (!codec::read_varint(at, end, tag) || tag > UINT32_MAX) {
        return fail(field_at, type, 0, "a broken tag");
      }
      const auto number = static_cast<uint32_t>(tag >> 3);
      const auto wire = static_cast<WireType>(tag & 7);
      Rule rule;
      if (number <= kMaxField) [[likely]] {
        rule = rules[number];
      }
      if (rule.wire != wire || rule.action == Action::unknown) [[unlikely]] {
        if (number == 0) {
          return fail(field_at, type, 0, "a broken tag");
        }
        if (!other_wire(rule, wire)) {
          return fail(field_at, type, number,
                      fmt::format("wire type {}, where {} belongs", tag & 7,
                                  static_cast<unsigned>(rule.wire)));
        }
        rule = {wire, Action::pass};
      }
      switch (wire) {
        case WireType::varint:
          if (!skip_varint(at, end)) [[unlikely]] {
            return fail(field_at, type, number, "a broken number");
          }
          break;
        case WireType::fixed64:
          if (end - at < 8) [[unlikely]] {
            return fail(field_at, type, number, "cut off");
          }
          at += 8;
          break;
        case WireType::fixed32:
          if (end - at < 4) [[unlikely]] {
            return fail(field_at, type, number, "cut off");
          }
          at += 4;
          break;
        case WireType::bytes: {
          uint64_t length = 0;
          if (at != end && static_cast<uint8_t>(*at) < 0x80) [[likely]] {
            length = static_cast<uint8_t>(*at++);
          } else if (!codec::read_varint(at, end, length)) {
            return fail(field_at, type, number, "a broken length");
          }
          if (length > static_cast<uint64_t>(end - at)) [[unlikely]] {
            return fail(field_at, type, number,
                        fmt::format("{} bytes long, but only {} are there", length, end - at));
          }
          if (rule.action != Action::pass && !content(at, at + length, rule, type, number, depth))
              [[unlikely]] {
            return false;
          }
          at += length;
          break;
        }
        default:
          return fail(field_at, type, number, fmt::format("wire type {}", tag & 7));
      }
    }
    return true;
  }

  /// Whether the record that was walked last is one to refuse.
  bool record(const char* at, const char* end, MessageType type, unsigned depth, bool& refused) {
    bad_id_ = false;
    good_trace_id_ = false;
    good_span_id_ = false;
    if (!message(at, end, type, depth)) {
      return false;
    }
    refused = bad_id_ || (type == MessageType::span && !(good_trace_id_ && good_span_id_));
    return true;
  }

  uint32_t records = 0;
  uint32_t refused = 0;
  std::string error;

 private:
  bool content(const char* at, const char* end, const Rule& rule, MessageType type, uint32_t number,
               unsigned depth) {
    const auto size = static_cast<size_t>(end - at);
    switch (rule.action) {
      case Action::message:
        if (rule.message == MessageType::key_value && depth + 2 <= kMaxNesting &&
            is_plain_attribute(at, end)) [[likely]] {
          return true;
        }
        if (is_record(rule.message)) {
          bool bad = false;
          if (!record(at, end, rule.message, depth + 1, bad)) {
            return false;
          }
          ++records;
          refused += bad ? 1 : 0;
          return true;
        }
        return message(at, end, rule.message, depth + 1);
      case Action::trace_id:
        id(at, size, kTraceIdBytes, type, good_trace_id_);
        return true;
      case Action::span_id:
        // A span's parent has the same type but need not be there.
        if (type == MessageType::span && number != span::kSpanId) {
          bool ignored = false;
          id(at, size, kSpanIdBytes, MessageType::none, ignored);
        } else {
          id(at, size, kSpanIdBytes, type, good_span_id_);
        }
        return true;
      case Action::fixed64s:
        return size % 8 == 0 || fail(at, type, number, "not a whole number of 8-byte values");
      case Action::varints:
        while (at != end) {
          if (!skip_varint(at, end)) {
            return fail(at, type, number, "a broken number");
          }
        }
        return true;
      case Action::pass:
      case Action::unknown:
        break;
    }
    return true;
  }

  /// Of spans an id must be one; elsewhere it may be missing, or zero, which says the same.
  void id(const char* at, size_t size, size_t wanted, MessageType type, bool& good) noexcept {
    if (type == MessageType::span) {
      good = size == wanted && !all_zero(at, size);
      bad_id_ = bad_id_ || !good;
    } else {
      bad_id_ = bad_id_ || (size != wanted && size != 0);
    }
  }

  /// Fields that are not known are passed over; repeated numbers may come one by one.
  static bool other_wire(const Rule& rule, WireType wire) noexcept {
    switch (rule.action) {
      case Action::unknown:
        return true;
      case Action::fixed64s:
        return wire == WireType::fixed64;
      case Action::varints:
        return wire == WireType::varint;
      default:
        return false;
    }
  }

  [[gnu::noinline]] bool fail(const char* at, MessageType type, uint32_t number,
                              std::string_view what) {
    error = number != 0 ? fmt::format("not a valid request: field {} of {} (at byte {}): {}",
                                      number, name_of(type), at - begin_, what)
                        : fmt::format("not a valid request: {} (at byte {}): {}", name_of(type),
                                      at - begin_, what);
    return false;
  }

  const Rules* rules_;
  const char* begin_;
  // Of the record that is walked.
  bool bad_id_ = false;
  bool good_trace_id_ = false;
  bool good_span_id_ = false;
};

/// Copies the fields of a checked message that holds records, some of them refused.
class Filter {
 public:
  /// Appends the content; true when some record is in it.
  bool copy(std::string_view message, MessageType type, std::string& out) {
    bool any = false;
    const char* at = message.data();
    const char* const end = at + message.size();
    while (at != end) {
      const char* const field_at = at;
      uint64_t tag = 0;
      codec::read_varint(at, end, tag);
      uint64_t length = 0;
      const auto wire = static_cast<WireType>(tag & 7);
      if (wire == WireType::bytes) {
        codec::read_varint(at, end, length);
      } else if (wire == WireType::varint) {
        codec::read_varint(at, end, length);
        length = 0;
      } else {
        length = wire == WireType::fixed64 ? 8 : 4;
      }
      const std::string_view content(at, length);
      at += length;
      const auto number = static_cast<uint32_t>(tag >> 3);
      const MessageType inner = field_of(type, number).message;
      if (is_record(inner)) {
        Walk walk(content);
        bool refused = false;
        if (!walk.record(content.data(), at, inner, 0, refused) || refused) {
          continue;
        }
        any = true;
      } else if (holds_records(inner)) {
        std::string kept;
        if (!copy(content, inner, kept)) {
          continue;
        }
        any = true;
        if (kept != content) {
          append(number, kept, out);
          continue;
        }
      }
      out.append(field_at, at);
    }
    return any;
  }

 private:
  static void append(uint32_t number, std::string_view content, std::string& out) {
    char head[2 * codec::kMaxVarintBytes];
    out.append(head, codec::write_bytes_header(head, number, content.size()));
    out.append(content);
  }
};

}  // namespace

size_t RequestChecker::count_resources(std::string_view body) noexcept {
  size_t count = 0;
  codec::ProtoReader reader(body);
  while (reader.next()) {
    count += reader.field() == request::kResources ? 1 : 0;
    reader.skip();
  }
  return count;
}

Status RequestChecker::check(Signal signal, std::string_view body, size_t resources) {
  resources_.clear();
  resources_.reserve(resources);
  records_ = 0;
  refused_ = 0;
  const MessageType type = resource_of(signal);
  Walk walk(body);
  const char* at = body.data();
  const char* const end = at + body.size();
  const auto broken = [&](const char* where, std::string_view what) {
    resources_.clear();
    return tailrace::fail(ErrorCode::invalid,
                          fmt::format("not a valid request: {} (at byte {}): {}",
                                      name_of(request_of(signal)), where - body.data(), what));
  };
  while (at != end) {
    const char* const field_at = at;
    uint64_t tag = 0;
    if (!codec::read_varint(at, end, tag) || tag > UINT32_MAX || tag >> 3 == 0) {
      return broken(field_at, "a broken tag");
    }
    const bool is_resource = tag >> 3 == request::kResources;
    if (is_resource && (tag & 7) != static_cast<uint64_t>(WireType::bytes)) {
      return broken(field_at, "field 1 is no message");
    }
    uint64_t length = 0;
    switch (static_cast<WireType>(tag & 7)) {
      case WireType::bytes:
        if (!codec::read_varint(at, end, length)) {
          return broken(field_at, "a broken length");
        }
        break;
      case WireType::varint:
        if (!codec::read_varint(at, end, length)) {
          return broken(field_at, "a broken number");
        }
        length = 0;
        break;
      case WireType::fixed64:
        length = 8;
        break;
      case WireType::fixed32:
        length = 4;
        break;
      default:
        return broken(field_at, "a wire type that does not exist");
    }
    if (length > static_cast<uint64_t>(end - at)) {
      return broken(field_at,
                    fmt::format("{} bytes long, but only {} are there", length, end - at));
    }
    if (is_resource) {
      walk.records = 0;
      walk.refused = 0;
      if (!walk.message(at, at + length, type, 1)) {
        resources_.clear();
        return tailrace::fail(ErrorCode::invalid, std::move(walk.error));
      }
      if (walk.records > 0) {
        resources_.push_back({{at, length},
                              walk.records,
                              walk.refused,
                              static_cast<uint32_t>(at + length - field_at)});
        records_ += walk.records;
        refused_ += walk.refused;
      }
    }
    at += length;
  }
  return {};
}

void append_without_refused(Signal signal, std::string_view resource, std::string& out) {
  const size_t before = out.size();
  if (!Filter().copy(resource, resource_of(signal), out)) {
    out.resize(before);
  }
}

}  // namespace tailrace::common::otlp
