#pragma once

#include "tailrace/arena.h"
#include "tailrace/metric_batch.h"

#include "plugins/converters/otlp_to_metrics/points.h"

namespace tailrace::converters::otlp_to_metrics {

/// Buckets of one data point, at most. Prometheus itself takes far fewer by default.
inline constexpr size_t kMostBuckets = 16'384;

/// Null, or why the buckets of an exponential histogram cannot be taken: a label for metrics.
const char* check_exponential(const Point& point) noexcept;

/// Makes a native histogram of an exponential one that was checked. Buckets with lower bounds
/// become such with upper bounds, so that their indices are one larger; scales above 8 are merged
/// down to 8. Its arrays lie in the arena. Source: OpenTelemetry specification, "Prometheus and
/// OpenMetrics Compatibility"; Prometheus
/// storage/remote/otlptranslator/prometheusremotewrite/histograms.go.
void exponential_to_native(const Point& point, Arena& arena, NativeHistogram& out);

/// Makes a native histogram with custom buckets of one with explicit bounds. Returns null, or why
/// there is none.
const char* explicit_to_native(const Point& point, Arena& arena, NativeHistogram& out);

}  // namespace tailrace::converters::otlp_to_metrics
