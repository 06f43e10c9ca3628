#pragma once

#include <optional>
#include <string_view>

#include "tailrace/arena.h"
#include "tailrace/metric_batch.h"

namespace tailrace::converters::otlp_to_metrics {

/// An exemplar without its series, of a checked Exemplar message: labels `trace_id`, `span_id` and,
/// where all of them together are short enough, the filtered attributes. Nothing when it has no
/// value. Its labels lie in the arena.
/// Source: OpenMetrics 1.0, "Exemplars"; Prometheus, getPromExemplars.
std::optional<ExemplarRow> read_exemplar(std::string_view message, Arena& arena);

}  // namespace tailrace::converters::otlp_to_metrics
