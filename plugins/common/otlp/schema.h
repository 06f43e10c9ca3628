#pragma once

#include <cstddef>
#include <cstdint>

/// Field numbers of OpenTelemetry's protobuf messages, by name.
///
/// Source: opentelemetry-proto 1.x (stable parts); wire-facts section 6. proto/*.proto say the same
/// for the tests.
namespace tailrace::common::otlp {

inline constexpr size_t kTraceIdBytes = 16;
inline constexpr size_t kSpanIdBytes = 8;

/// Export{Trace,Logs,Metrics}ServiceRequest.
namespace request {
inline constexpr uint32_t kResources = 1;
}
/// Export{Trace,Logs,Metrics}ServiceResponse, and its Export…PartialSuccess.
namespace response {
inline constexpr uint32_t kPartialSuccess = 1;
inline constexpr uint32_t kRejected = 1;  ///< rejected_spans, _log_records, _data_points
inline constexpr uint32_t kErrorMessage = 2;
}  // namespace response
/// google.rpc.Status, and google.rpc.RetryInfo within its details.
namespace status {
inline constexpr uint32_t kCode = 1;
inline constexpr uint32_t kMessage = 2;
inline constexpr uint32_t kDetails = 3;
}  // namespace status
/// ResourceSpans, ResourceLogs, ResourceMetrics.
namespace resource_x {
inline constexpr uint32_t kResource = 1;
inline constexpr uint32_t kScopes = 2;
inline constexpr uint32_t kSchemaUrl = 3;
}  // namespace resource_x
/// ScopeSpans, ScopeLogs, ScopeMetrics.
namespace scope_x {
inline constexpr uint32_t kScope = 1;
inline constexpr uint32_t kRecords = 2;  ///< spans, log_records, metrics
inline constexpr uint32_t kSchemaUrl = 3;
}  // namespace scope_x
namespace resource {
inline constexpr uint32_t kAttributes = 1;
inline constexpr uint32_t kDroppedAttributes = 2;
inline constexpr uint32_t kEntityRefs = 3;
}  // namespace resource
namespace entity_ref {
inline constexpr uint32_t kSchemaUrl = 1;
inline constexpr uint32_t kType = 2;
inline constexpr uint32_t kIdKeys = 3;
inline constexpr uint32_t kDescriptionKeys = 4;
}  // namespace entity_ref
namespace scope {
inline constexpr uint32_t kName = 1;
inline constexpr uint32_t kVersion = 2;
inline constexpr uint32_t kAttributes = 3;
inline constexpr uint32_t kDroppedAttributes = 4;
}  // namespace scope
namespace key_value {
inline constexpr uint32_t kKey = 1;
inline constexpr uint32_t kValue = 2;
}  // namespace key_value
/// AnyValue: none of them = null.
namespace any_value {
inline constexpr uint32_t kString = 1;
inline constexpr uint32_t kBool = 2;
inline constexpr uint32_t kInt = 3;
inline constexpr uint32_t kDouble = 4;
inline constexpr uint32_t kArray = 5;
inline constexpr uint32_t kKeyValueList = 6;
inline constexpr uint32_t kBytes = 7;
}  // namespace any_value
/// ArrayValue and KeyValueList.
namespace value_list {
inline constexpr uint32_t kValues = 1;
}
namespace span {
inline constexpr uint32_t kTraceId = 1;
inline constexpr uint32_t kSpanId = 2;
inline constexpr uint32_t kTraceState = 3;
inline constexpr uint32_t kParentSpanId = 4;
inline constexpr uint32_t kName = 5;
inline constexpr uint32_t kKind = 6;
inline constexpr uint32_t kStartTime = 7;
inline constexpr uint32_t kEndTime = 8;
inline constexpr uint32_t kAttributes = 9;
inline constexpr uint32_t kDroppedAttributes = 10;
inline constexpr uint32_t kEvents = 11;
inline constexpr uint32_t kDroppedEvents = 12;
inline constexpr uint32_t kLinks = 13;
inline constexpr uint32_t kDroppedLinks = 14;
inline constexpr uint32_t kStatus = 15;
inline constexpr uint32_t kFlags = 16;
}  // namespace span
namespace span_event {
inline constexpr uint32_t kTime = 1;
inline constexpr uint32_t kName = 2;
inline constexpr uint32_t kAttributes = 3;
inline constexpr uint32_t kDroppedAttributes = 4;
}  // namespace span_event
namespace span_link {
inline constexpr uint32_t kTraceId = 1;
inline constexpr uint32_t kSpanId = 2;
inline constexpr uint32_t kTraceState = 3;
inline constexpr uint32_t kAttributes = 4;
inline constexpr uint32_t kDroppedAttributes = 5;
inline constexpr uint32_t kFlags = 6;
}  // namespace span_link
namespace span_status {
inline constexpr uint32_t kMessage = 2;
inline constexpr uint32_t kCode = 3;  ///< 0 unset, 1 ok, 2 error
}  // namespace span_status
namespace log_record {
inline constexpr uint32_t kTime = 1;
inline constexpr uint32_t kSeverityNumber = 2;
inline constexpr uint32_t kSeverityText = 3;
inline constexpr uint32_t kBody = 5;
inline constexpr uint32_t kAttributes = 6;
inline constexpr uint32_t kDroppedAttributes = 7;
inline constexpr uint32_t kFlags = 8;
inline constexpr uint32_t kTraceId = 9;
inline constexpr uint32_t kSpanId = 10;
inline constexpr uint32_t kObservedTime = 11;
inline constexpr uint32_t kEventName = 12;
}  // namespace log_record
namespace metric {
inline constexpr uint32_t kName = 1;
inline constexpr uint32_t kDescription = 2;
inline constexpr uint32_t kUnit = 3;
inline constexpr uint32_t kGauge = 5;
inline constexpr uint32_t kSum = 7;
inline constexpr uint32_t kHistogram = 9;
inline constexpr uint32_t kExponentialHistogram = 10;
inline constexpr uint32_t kSummary = 11;
inline constexpr uint32_t kMetadata = 12;
}  // namespace metric
/// Gauge, Sum, Histogram, ExponentialHistogram, Summary.
namespace metric_data {
inline constexpr uint32_t kPoints = 1;
inline constexpr uint32_t kTemporality = 2;  ///< 1 delta, 2 cumulative
inline constexpr uint32_t kIsMonotonic = 3;  ///< Sum
}  // namespace metric_data
namespace number_point {
inline constexpr uint32_t kStartTime = 2;
inline constexpr uint32_t kTime = 3;
inline constexpr uint32_t kAsDouble = 4;
inline constexpr uint32_t kExemplars = 5;
inline constexpr uint32_t kAsInt = 6;  ///< sfixed64
inline constexpr uint32_t kAttributes = 7;
inline constexpr uint32_t kFlags = 8;  ///< 1 = no recorded value
}  // namespace number_point
namespace histogram_point {
inline constexpr uint32_t kStartTime = 2;
inline constexpr uint32_t kTime = 3;
inline constexpr uint32_t kCount = 4;  ///< fixed64
inline constexpr uint32_t kSum = 5;
inline constexpr uint32_t kBucketCounts = 6;    ///< packed fixed64
inline constexpr uint32_t kExplicitBounds = 7;  ///< packed double
inline constexpr uint32_t kExemplars = 8;
inline constexpr uint32_t kAttributes = 9;
inline constexpr uint32_t kFlags = 10;
inline constexpr uint32_t kMin = 11;
inline constexpr uint32_t kMax = 12;
}  // namespace histogram_point
namespace exponential_point {
inline constexpr uint32_t kAttributes = 1;
inline constexpr uint32_t kStartTime = 2;
inline constexpr uint32_t kTime = 3;
inline constexpr uint32_t kCount = 4;  ///< fixed64
inline constexpr uint32_t kSum = 5;
inline constexpr uint32_t kScale = 6;      ///< sint32
inline constexpr uint32_t kZeroCount = 7;  ///< fixed64
inline constexpr uint32_t kPositive = 8;
inline constexpr uint32_t kNegative = 9;
inline constexpr uint32_t kFlags = 10;
inline constexpr uint32_t kExemplars = 11;
inline constexpr uint32_t kMin = 12;
inline constexpr uint32_t kMax = 13;
inline constexpr uint32_t kZeroThreshold = 14;
}  // namespace exponential_point
/// ExponentialHistogramDataPoint.Buckets.
namespace exponential_buckets {
inline constexpr uint32_t kOffset = 1;        ///< sint32
inline constexpr uint32_t kBucketCounts = 2;  ///< packed uint64 (varints)
}  // namespace exponential_buckets
namespace summary_point {
inline constexpr uint32_t kStartTime = 2;
inline constexpr uint32_t kTime = 3;
inline constexpr uint32_t kCount = 4;  ///< fixed64
inline constexpr uint32_t kSum = 5;
inline constexpr uint32_t kQuantileValues = 6;
inline constexpr uint32_t kAttributes = 7;
inline constexpr uint32_t kFlags = 8;
}  // namespace summary_point
/// What points of all kinds have in common.
namespace point {
inline constexpr uint32_t kStartTime = number_point::kStartTime;
inline constexpr uint32_t kTime = number_point::kTime;
static_assert(kStartTime == histogram_point::kStartTime &&
              kStartTime == exponential_point::kStartTime &&
              kStartTime == summary_point::kStartTime);
static_assert(kTime == histogram_point::kTime && kTime == exponential_point::kTime &&
              kTime == summary_point::kTime);
/// A bit of kFlags: the series ends here.
inline constexpr uint64_t kNoRecordedValue = 1;
}  // namespace point
namespace quantile_value {
inline constexpr uint32_t kQuantile = 1;
inline constexpr uint32_t kValue = 2;
}  // namespace quantile_value
namespace exemplar {
inline constexpr uint32_t kTime = 2;
inline constexpr uint32_t kAsDouble = 3;
inline constexpr uint32_t kSpanId = 4;
inline constexpr uint32_t kTraceId = 5;
inline constexpr uint32_t kAsInt = 6;  ///< sfixed64
inline constexpr uint32_t kFilteredAttributes = 7;
}  // namespace exemplar

}  // namespace tailrace::common::otlp
