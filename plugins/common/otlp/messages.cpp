#include "plugins/common/otlp/messages.h"

#include <array>

#include "plugins/common/otlp/schema.h"

namespace tailrace::common::otlp {

namespace {

using M = MessageType;
using F = FieldType;

struct Message {
  std::string_view name;
  std::array<Field, kMaxField + 1> fields{};

  constexpr Message& has(uint32_t number, F type, std::string_view json_name) {
    fields[number] = {type, M::none, false, json_name};
    return *this;
  }
  constexpr Message& list(uint32_t number, F type, std::string_view json_name) {
    fields[number] = {type, M::none, true, json_name};
    return *this;
  }
  constexpr Message& one(uint32_t number, M message, std::string_view json_name) {
    fields[number] = {F::message, message, false, json_name};
    return *this;
  }
  constexpr Message& many(uint32_t number, M message, std::string_view json_name) {
    fields[number] = {F::message, message, true, json_name};
    return *this;
  }
};
using Table = std::array<Message, kMessageTypes>;

class TableMaker {
 public:
  constexpr Table make() {
    requests();
    resources();
    values();
    spans();
    logs();
    metrics();
    points();
    return table_;
  }

 private:
  constexpr Message& of(M type, std::string_view name) {
    Message& message = table_[static_cast<size_t>(type)];
    message.name = name;
    return message;
  }

  constexpr void requests() {
    of(M::trace_request, "ExportTraceServiceRequest")
        .many(request::kResources, M::resource_spans, "resourceSpans");
    of(M::logs_request, "ExportLogsServiceRequest")
        .many(request::kResources, M::resource_logs, "resourceLogs");
    of(M::metrics_request, "ExportMetricsServiceRequest")
        .many(request::kResources, M::resource_metrics, "resourceMetrics");
  }

  constexpr void resource_message(M type, std::string_view name, M scopes,
                                  std::string_view scopes_name) {
    of(type, name)
        .one(resource_x::kResource, M::resource, "resource")
        .many(resource_x::kScopes, scopes, scopes_name)
        .has(resource_x::kSchemaUrl, F::string, "schemaUrl");
  }
  constexpr void scope_message(M type, std::string_view name, M records,
                               std::string_view records_name) {
    of(type, name)
        .one(scope_x::kScope, M::scope, "scope")
        .many(scope_x::kRecords, records, records_name)
        .has(scope_x::kSchemaUrl, F::string, "schemaUrl");
  }
  constexpr void resources() {
    resource_message(M::resource_spans, "ResourceSpans", M::scope_spans, "scopeSpans");
    resource_message(M::resource_logs, "ResourceLogs", M::scope_logs, "scopeLogs");
    resource_message(M::resource_metrics, "ResourceMetrics", M::scope_metrics, "scopeMetrics");
    scope_message(M::scope_spans, "ScopeSpans", M::span, "spans");
    scope_message(M::scope_logs, "ScopeLogs", M::log_record, "logRecords");
    scope_message(M::scope_metrics, "ScopeMetrics", M::metric, "metrics");
    of(M::resource, "Resource")
        .many(resource::kAttributes, M::key_value, "attributes")
        .has(resource::kDroppedAttributes, F::uint32, "droppedAttributesCount")
        .many(resource::kEntityRefs, M::entity_ref, "entityRefs");
    of(M::entity_ref, "EntityRef")
        .has(entity_ref::kSchemaUrl, F::string, "schemaUrl")
        .has(entity_ref::kType, F::string, "type")
        .list(entity_ref::kIdKeys, F::string, "idKeys")
        .list(entity_ref::kDescriptionKeys, F::string, "descriptionKeys");
    of(M::scope, "InstrumentationScope")
        .has(scope::kName, F::string, "name")
        .has(scope::kVersion, F::string, "version")
        .many(scope::kAttributes, M::key_value, "attributes")
        .has(scope::kDroppedAttributes, F::uint32, "droppedAttributesCount");
  }

  constexpr void values() {
    of(M::key_value, "KeyValue")
        .has(key_value::kKey, F::string, "key")
        .one(key_value::kValue, M::any_value, "value");
    of(M::any_value, "AnyValue")
        .has(any_value::kString, F::string, "stringValue")
        .has(any_value::kBool, F::boolean, "boolValue")
        .has(any_value::kInt, F::int64, "intValue")
        .has(any_value::kDouble, F::real, "doubleValue")
        .one(any_value::kArray, M::array_value, "arrayValue")
        .one(any_value::kKeyValueList, M::key_value_list, "kvlistValue")
        .has(any_value::kBytes, F::bytes, "bytesValue");
    of(M::array_value, "ArrayValue").many(value_list::kValues, M::any_value, "values");
    of(M::key_value_list, "KeyValueList").many(value_list::kValues, M::key_value, "values");
  }

  constexpr void spans() {
    of(M::span, "Span")
        .has(span::kTraceId, F::trace_id, "traceId")
        .has(span::kSpanId, F::span_id, "spanId")
        .has(span::kTraceState, F::string, "traceState")
        .has(span::kParentSpanId, F::span_id, "parentSpanId")
        .has(span::kName, F::string, "name")
        .has(span::kKind, F::enumeration, "kind")
        .has(span::kStartTime, F::fixed64, "startTimeUnixNano")
        .has(span::kEndTime, F::fixed64, "endTimeUnixNano")
        .many(span::kAttributes, M::key_value, "attributes")
        .has(span::kDroppedAttributes, F::uint32, "droppedAttributesCount")
        .many(span::kEvents, M::span_event, "events")
        .has(span::kDroppedEvents, F::uint32, "droppedEventsCount")
        .many(span::kLinks, M::span_link, "links")
        .has(span::kDroppedLinks, F::uint32, "droppedLinksCount")
        .one(span::kStatus, M::span_status, "status")
        .has(span::kFlags, F::fixed32, "flags");
    of(M::span_event, "Span.Event")
        .has(span_event::kTime, F::fixed64, "timeUnixNano")
        .has(span_event::kName, F::string, "name")
        .many(span_event::kAttributes, M::key_value, "attributes")
        .has(span_event::kDroppedAttributes, F::uint32, "droppedAttributesCount");
    of(M::span_link, "Span.Link")
        .has(span_link::kTraceId, F::trace_id, "traceId")
        .has(span_link::kSpanId, F::span_id, "spanId")
        .has(span_link::kTraceState, F::string, "traceState")
        .many(span_link::kAttributes, M::key_value, "attributes")
        .has(span_link::kDroppedAttributes, F::uint32, "droppedAttributesCount")
        .has(span_link::kFlags, F::fixed32, "flags");
    of(M::span_status, "Status")
        .has(span_status::kMessage, F::string, "message")
        .has(span_status::kCode, F::enumeration, "code");
  }

  constexpr void logs() {
    of(M::log_record, "LogRecord")
        .has(log_record::kTime, F::fixed64, "timeUnixNano")
        .has(log_record::kSeverityNumber, F::enumeration, "severityNumber")
        .has(log_record::kSeverityText, F::string, "severityText")
        .one(log_record::kBody, M::any_value, "body")
        .many(log_record::kAttributes, M::key_value, "attributes")
        .has(log_record::kDroppedAttributes, F::uint32, "droppedAttributesCount")
        .has(log_record::kFlags, F::fixed32, "flags")
        .has(log_record::kTraceId, F::trace_id, "traceId")
        .has(log_record::kSpanId, F::span_id, "spanId")
        .has(log_record::kObservedTime, F::fixed64, "observedTimeUnixNano")
        .has(log_record::kEventName, F::string, "eventName");
  }

  constexpr void metrics() {
    of(M::metric, "Metric")
        .has(metric::kName, F::string, "name")
        .has(metric::kDescription, F::string, "description")
        .has(metric::kUnit, F::string, "unit")
        .one(metric::kGauge, M::gauge, "gauge")
        .one(metric::kSum, M::sum, "sum")
        .one(metric::kHistogram, M::histogram, "histogram")
        .one(metric::kExponentialHistogram, M::exponential_histogram, "exponentialHistogram")
        .one(metric::kSummary, M::summary, "summary")
        .many(metric::kMetadata, M::key_value, "metadata");
    of(M::gauge, "Gauge").many(metric_data::kPoints, M::number_point, "dataPoints");
    of(M::sum, "Sum")
        .many(metric_data::kPoints, M::number_point, "dataPoints")
        .has(metric_data::kTemporality, F::enumeration, "aggregationTemporality")
        .has(metric_data::kIsMonotonic, F::boolean, "isMonotonic");
    of(M::histogram, "Histogram")
        .many(metric_data::kPoints, M::histogram_point, "dataPoints")
        .has(metric_data::kTemporality, F::enumeration, "aggregationTemporality");
    of(M::exponential_histogram, "ExponentialHistogram")
        .many(metric_data::kPoints, M::exponential_point, "dataPoints")
        .has(metric_data::kTemporality, F::enumeration, "aggregationTemporality");
    of(M::summary, "Summary").many(metric_data::kPoints, M::summary_point, "dataPoints");
  }

  constexpr void points() {
    of(M::number_point, "NumberDataPoint")
        .has(number_point::kStartTime, F::fixed64, "startTimeUnixNano")
        .has(number_point::kTime, F::fixed64, "timeUnixNano")
        .has(number_point::kAsDouble, F::real, "asDouble")
        .many(number_point::kExemplars, M::exemplar, "exemplars")
        .has(number_point::kAsInt, F::sfixed64, "asInt")
        .many(number_point::kAttributes, M::key_value, "attributes")
        .has(number_point::kFlags, F::uint32, "flags");
    of(M::histogram_point, "HistogramDataPoint")
        .has(histogram_point::kStartTime, F::fixed64, "startTimeUnixNano")
        .has(histogram_point::kTime, F::fixed64, "timeUnixNano")
        .has(histogram_point::kCount, F::fixed64, "count")
        .has(histogram_point::kSum, F::real, "sum")
        .list(histogram_point::kBucketCounts, F::packed_fixed64, "bucketCounts")
        .list(histogram_point::kExplicitBounds, F::packed_real, "explicitBounds")
        .many(histogram_point::kExemplars, M::exemplar, "exemplars")
        .many(histogram_point::kAttributes, M::key_value, "attributes")
        .has(histogram_point::kFlags, F::uint32, "flags")
        .has(histogram_point::kMin, F::real, "min")
        .has(histogram_point::kMax, F::real, "max");
    of(M::exponential_point, "ExponentialHistogramDataPoint")
        .many(exponential_point::kAttributes, M::key_value, "attributes")
        .has(exponential_point::kStartTime, F::fixed64, "startTimeUnixNano")
        .has(exponential_point::kTime, F::fixed64, "timeUnixNano")
        .has(exponential_point::kCount, F::fixed64, "count")
        .has(exponential_point::kSum, F::real, "sum")
        .has(exponential_point::kScale, F::sint32, "scale")
        .has(exponential_point::kZeroCount, F::fixed64, "zeroCount")
        .one(exponential_point::kPositive, M::exponential_buckets, "positive")
        .one(exponential_point::kNegative, M::exponential_buckets, "negative")
        .has(exponential_point::kFlags, F::uint32, "flags")
        .many(exponential_point::kExemplars, M::exemplar, "exemplars")
        .has(exponential_point::kMin, F::real, "min")
        .has(exponential_point::kMax, F::real, "max")
        .has(exponential_point::kZeroThreshold, F::real, "zeroThreshold");
    of(M::exponential_buckets, "ExponentialHistogramDataPoint.Buckets")
        .has(exponential_buckets::kOffset, F::sint32, "offset")
        .list(exponential_buckets::kBucketCounts, F::packed_uint64, "bucketCounts");
    of(M::summary_point, "SummaryDataPoint")
        .has(summary_point::kStartTime, F::fixed64, "startTimeUnixNano")
        .has(summary_point::kTime, F::fixed64, "timeUnixNano")
        .has(summary_point::kCount, F::fixed64, "count")
        .has(summary_point::kSum, F::real, "sum")
        .many(summary_point::kQuantileValues, M::quantile_value, "quantileValues")
        .many(summary_point::kAttributes, M::key_value, "attributes")
        .has(summary_point::kFlags, F::uint32, "flags");
    of(M::quantile_value, "SummaryDataPoint.ValueAtQuantile")
        .has(quantile_value::kQuantile, F::real, "quantile")
        .has(quantile_value::kValue, F::real, "value");
    of(M::exemplar, "Exemplar")
        .has(exemplar::kTime, F::fixed64, "timeUnixNano")
        .has(exemplar::kAsDouble, F::real, "asDouble")
        .has(exemplar::kSpanId, F::span_id, "spanId")
        .has(exemplar::kTraceId, F::trace_id, "traceId")
        .has(exemplar::kAsInt, F::sfixed64, "asInt")
        .many(exemplar::kFilteredAttributes, M::key_value, "filteredAttributes");
  }

  Table table_{};
};

constexpr Table kTable = TableMaker().make();
constexpr Field kNoField;

}  // namespace

const Field& field_of(MessageType type, uint32_t number) noexcept {
  return number <= kMaxField ? kTable[static_cast<size_t>(type)].fields[number] : kNoField;
}

std::string_view name_of(MessageType type) noexcept {
  return kTable[static_cast<size_t>(type)].name;
}

MessageType request_of(Signal signal) noexcept {
  switch (signal) {
    case Signal::logs:
      return M::logs_request;
    case Signal::metrics:
      return M::metrics_request;
    case Signal::traces:
      break;
  }
  return M::trace_request;
}

MessageType resource_of(Signal signal) noexcept {
  return field_of(request_of(signal), request::kResources).message;
}

}  // namespace tailrace::common::otlp
