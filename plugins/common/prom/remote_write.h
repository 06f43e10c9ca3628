#pragma once

#include <cstdint>
#include <string_view>

/// What remote write looks like on the wire: field numbers, headers.
///
/// Source: Prometheus prompb/remote.proto, prompb/types.proto, io/prometheus/write/v2/types.proto;
///         the specifications of remote write 1.0 and 2.0.
namespace tailrace::common::prom {

/// Also SealedView::format_version of the output.
enum class WriteVersion : uint32_t { v1 = 1, v2 = 2 };

inline constexpr std::string_view kWriteTypeV1 = "application/x-protobuf";
inline constexpr std::string_view kWriteTypeV2 =
    "application/x-protobuf;proto=io.prometheus.write.v2.Request";
inline constexpr std::string_view kWriteMessageV1 = "prometheus.WriteRequest";
inline constexpr std::string_view kWriteMessageV2 = "io.prometheus.write.v2.Request";
inline constexpr std::string_view kWriteVersionHeader = "X-Prometheus-Remote-Write-Version";
inline constexpr std::string_view kSamplesWrittenHeader =
    "X-Prometheus-Remote-Write-Samples-Written";
inline constexpr std::string_view kHistogramsWrittenHeader =
    "X-Prometheus-Remote-Write-Histograms-Written";
inline constexpr std::string_view kExemplarsWrittenHeader =
    "X-Prometheus-Remote-Write-Exemplars-Written";

/// prometheus.WriteRequest, and what it is made of.
namespace v1 {
namespace request {
inline constexpr uint32_t kTimeseries = 1;
inline constexpr uint32_t kMetadata = 3;
}  // namespace request
namespace series {
inline constexpr uint32_t kLabels = 1;
inline constexpr uint32_t kSamples = 2;
inline constexpr uint32_t kExemplars = 3;
inline constexpr uint32_t kHistograms = 4;
}  // namespace series
namespace metadata {
inline constexpr uint32_t kType = 1;
inline constexpr uint32_t kFamilyName = 2;
inline constexpr uint32_t kHelp = 4;
inline constexpr uint32_t kUnit = 5;
}  // namespace metadata
namespace exemplar {
inline constexpr uint32_t kLabels = 1;
}  // namespace exemplar
}  // namespace v1

/// io.prometheus.write.v2.Request, and what it is made of.
namespace v2 {
namespace request {
inline constexpr uint32_t kSymbols = 4;
inline constexpr uint32_t kTimeseries = 5;
}  // namespace request
namespace series {
inline constexpr uint32_t kLabelsRefs = 1;
inline constexpr uint32_t kSamples = 2;
inline constexpr uint32_t kHistograms = 3;
inline constexpr uint32_t kExemplars = 4;
inline constexpr uint32_t kMetadata = 5;
}  // namespace series
namespace metadata {
inline constexpr uint32_t kType = 1;
inline constexpr uint32_t kHelpRef = 3;
inline constexpr uint32_t kUnitRef = 4;
}  // namespace metadata
namespace exemplar {
inline constexpr uint32_t kLabelsRefs = 1;
}  // namespace exemplar
}  // namespace v2

// The same in both versions.
namespace label {
inline constexpr uint32_t kName = 1;
inline constexpr uint32_t kValue = 2;
}  // namespace label
namespace sample {
inline constexpr uint32_t kValue = 1;
inline constexpr uint32_t kTimestamp = 2;
inline constexpr uint32_t kStartTimestamp = 3;  // 2.0 only
}  // namespace sample
namespace exemplar {
inline constexpr uint32_t kValue = 2;
inline constexpr uint32_t kTimestamp = 3;
}  // namespace exemplar
namespace histogram {
inline constexpr uint32_t kCountInt = 1;
inline constexpr uint32_t kCountFloat = 2;
inline constexpr uint32_t kSum = 3;
inline constexpr uint32_t kSchema = 4;
inline constexpr uint32_t kZeroThreshold = 5;
inline constexpr uint32_t kZeroCountInt = 6;
inline constexpr uint32_t kZeroCountFloat = 7;
inline constexpr uint32_t kNegativeSpans = 8;
inline constexpr uint32_t kNegativeDeltas = 9;
inline constexpr uint32_t kNegativeCounts = 10;
inline constexpr uint32_t kPositiveSpans = 11;
inline constexpr uint32_t kPositiveDeltas = 12;
inline constexpr uint32_t kPositiveCounts = 13;
inline constexpr uint32_t kResetHint = 14;
inline constexpr uint32_t kTimestamp = 15;
inline constexpr uint32_t kCustomValues = 16;
inline constexpr uint32_t kStartTimestamp = 17;  // 2.0 only
}  // namespace histogram
/// The schema of native histograms that have bounds of their own.
inline constexpr int32_t kCustomBuckets = -53;
namespace span {
inline constexpr uint32_t kOffset = 1;
inline constexpr uint32_t kLength = 2;
}  // namespace span

}  // namespace tailrace::common::prom
