#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tailrace/batch.h"

/// What OpenTelemetry's messages look like, as tables: one walk of a table checks protobuf, another
/// makes protobuf of JSON.
namespace tailrace::common::otlp {

enum class MessageType : uint8_t {
  none,
  trace_request,
  logs_request,
  metrics_request,
  resource_spans,
  resource_logs,
  resource_metrics,
  scope_spans,
  scope_logs,
  scope_metrics,
  resource,
  entity_ref,
  scope,
  key_value,
  any_value,
  array_value,
  key_value_list,
  span,
  span_event,
  span_link,
  span_status,
  log_record,
  metric,
  gauge,
  sum,
  histogram,
  exponential_histogram,
  summary,
  number_point,
  histogram_point,
  exponential_point,
  exponential_buckets,
  summary_point,
  quantile_value,
  exemplar,
};
inline constexpr size_t kMessageTypes = static_cast<size_t>(MessageType::exemplar) + 1;
/// No message has a field with a larger number.
inline constexpr uint32_t kMaxField = 16;

enum class FieldType : uint8_t {
  none,  ///< There is no such field: skipped, and passed on.
  string,
  bytes,
  trace_id,  ///< bytes; 16, or none
  span_id,   ///< bytes; 8, or none
  boolean,
  uint32,
  int64,
  sint32,
  enumeration,
  fixed32,
  fixed64,
  sfixed64,
  real,  ///< double
  packed_uint64,
  packed_fixed64,
  packed_real,
  message,
};

struct Field {
  FieldType type = FieldType::none;
  MessageType message = MessageType::none;  ///< Of a field of type `message`.
  bool repeated = false;
  std::string_view json_name;
};

/// The field with this number; one of type `none` when there is none.
const Field& field_of(MessageType type, uint32_t number) noexcept;
/// "Span", for error messages.
std::string_view name_of(MessageType type) noexcept;

/// Export…ServiceRequest of a signal.
MessageType request_of(Signal signal) noexcept;
/// ResourceSpans and its siblings.
MessageType resource_of(Signal signal) noexcept;
/// Spans, log records and data points: what is counted, and refused one by one.
constexpr bool is_record(MessageType type) noexcept {
  switch (type) {
    case MessageType::span:
    case MessageType::log_record:
    case MessageType::number_point:
    case MessageType::histogram_point:
    case MessageType::exponential_point:
    case MessageType::summary_point:
      return true;
    default:
      return false;
  }
}
/// Messages between the request and its records.
constexpr bool holds_records(MessageType type) noexcept {
  switch (type) {
    case MessageType::resource_spans:
    case MessageType::resource_logs:
    case MessageType::resource_metrics:
    case MessageType::scope_spans:
    case MessageType::scope_logs:
    case MessageType::scope_metrics:
    case MessageType::metric:
    case MessageType::gauge:
    case MessageType::sum:
    case MessageType::histogram:
    case MessageType::exponential_histogram:
    case MessageType::summary:
      return true;
    default:
      return false;
  }
}

}  // namespace tailrace::common::otlp
