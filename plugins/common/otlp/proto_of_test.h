#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "codec/proto_writer.h"
#include "plugins/common/otlp/schema.h"

namespace tailrace::common::otlp::test {

/// A protobuf message, written field by field.
class Proto {
 public:
  Proto() = default;
  /*implicit*/ Proto(std::string bytes) : bytes_(std::move(bytes)) {}

  Proto& varint(uint32_t field, uint64_t value) {
    return add(codec::write_varint_field(room_, field, value));
  }
  Proto& fixed64(uint32_t field, uint64_t value) {
    return add(codec::write_fixed64_field(room_, field, value));
  }
  Proto& fixed32(uint32_t field, uint32_t value) {
    char* end = codec::write_tag(room_, field, codec::WireType::fixed32);
    std::memcpy(end, &value, sizeof value);
    return add(end + sizeof value);
  }
  Proto& real(uint32_t field, double value) {
    return fixed64(field, std::bit_cast<uint64_t>(value));
  }
  Proto& text(uint32_t field, std::string_view content) {
    add(codec::write_bytes_header(room_, field, content.size()));
    bytes_ += content;
    return *this;
  }
  Proto& message(uint32_t field, const Proto& message) { return text(field, message.bytes_); }

  const std::string& bytes() const noexcept { return bytes_; }

 private:
  Proto& add(const char* end) {
    bytes_.append(room_, static_cast<size_t>(end - room_));
    return *this;
  }
  char room_[32];
  std::string bytes_;
};

inline Proto string_value(std::string_view text) {
  return Proto().text(any_value::kString, text);
}
inline Proto attribute(std::string_view key, const Proto& value) {
  return Proto().text(key_value::kKey, key).message(key_value::kValue, value);
}

inline std::string trace_id(int number) {
  std::string id(kTraceIdBytes, '\x01');
  id[15] = static_cast<char>(number);
  return id;
}
inline std::string span_id(int number) {
  std::string id(kSpanIdBytes, '\x02');
  id[7] = static_cast<char>(number);
  return id;
}

/// A span with everything that spans have.
inline Proto span_of(int number, std::string_view name = "GET /cart") {
  return Proto()
      .text(span::kTraceId, trace_id(number))
      .text(span::kSpanId, span_id(number))
      .text(span::kTraceState, "k=v")
      .text(span::kParentSpanId, span_id(number + 1))
      .text(span::kName, name)
      .varint(span::kKind, 2)
      .fixed64(span::kStartTime, 1'700'000'000'000'000'000 + static_cast<uint64_t>(number))
      .fixed64(span::kEndTime, 1'700'000'000'500'000'000)
      .message(span::kAttributes, attribute("http.method", string_value("GET")))
      .message(span::kAttributes, attribute("n", Proto().varint(any_value::kInt, 42)))
      .message(span::kEvents, Proto()
                                  .fixed64(span_event::kTime, 5)
                                  .text(span_event::kName, "retry")
                                  .message(span_event::kAttributes,
                                           attribute("d", Proto().real(any_value::kDouble, 0.5))))
      .message(span::kLinks, Proto()
                                 .text(span_link::kTraceId, trace_id(9))
                                 .text(span_link::kSpanId, span_id(9))
                                 .fixed32(span_link::kFlags, 1))
      .message(span::kStatus,
               Proto().text(span_status::kMessage, "no").varint(span_status::kCode, 2))
      .fixed32(span::kFlags, 0x101);
}
inline Proto log_of(int number, std::string_view line = "hello") {
  return Proto()
      .fixed64(log_record::kTime, 1'700'000'000'000'000'000 + static_cast<uint64_t>(number))
      .varint(log_record::kSeverityNumber, 9)
      .text(log_record::kSeverityText, "INFO")
      .message(log_record::kBody, string_value(line))
      .message(log_record::kAttributes, attribute("n", Proto().varint(any_value::kInt, 42)))
      .text(log_record::kTraceId, trace_id(number))
      .text(log_record::kSpanId, span_id(number));
}
inline Proto number_point_of(int number) {
  return Proto()
      .fixed64(number_point::kTime, 1'700'000'000'000'000'000)
      .real(number_point::kAsDouble, number)
      .message(number_point::kAttributes, attribute("k", string_value("v")))
      .message(number_point::kExemplars, Proto()
                                             .fixed64(exemplar::kTime, 7)
                                             .real(exemplar::kAsDouble, 1)
                                             .text(exemplar::kTraceId, trace_id(1))
                                             .text(exemplar::kSpanId, span_id(1)));
}
inline Proto gauge_of(std::string_view name, const Proto& points) {
  return Proto().text(metric::kName, name).text(metric::kUnit, "s").message(metric::kGauge, points);
}

/// Records (spans, log records, metrics) in a scope.
inline Proto scope_of(std::string_view name, std::initializer_list<Proto> records) {
  Proto scope;
  scope.message(scope_x::kScope, Proto().text(scope::kName, name));
  for (const Proto& record : records) {
    scope.message(scope_x::kRecords, record);
  }
  return scope;
}
inline Proto resource_message(std::string_view service, std::initializer_list<Proto> scopes) {
  Proto resource;
  resource.message(
      resource_x::kResource,
      Proto().message(resource::kAttributes, attribute("service.name", string_value(service))));
  for (const Proto& scope : scopes) {
    resource.message(resource_x::kScopes, scope);
  }
  return resource.text(resource_x::kSchemaUrl, "https://opentelemetry.io/schemas/1.21.0");
}
inline Proto request_of_resources(std::initializer_list<Proto> resources) {
  Proto request;
  for (const Proto& resource : resources) {
    request.message(request::kResources, resource);
  }
  return request;
}

}  // namespace tailrace::common::otlp::test
