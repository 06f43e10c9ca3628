#include "tailrace/otlp_batch.h"

#include <new>

#include "base/copy_array.h"

namespace tailrace {

const BatchType OtlpBatch::kTraces{"otlp_traces", Signal::traces};
const BatchType OtlpBatch::kLogs{"otlp_logs", Signal::logs};
const BatchType OtlpBatch::kMetrics{"otlp_metrics", Signal::metrics};

const BatchType& OtlpBatch::type_of(Signal signal) noexcept {
  switch (signal) {
    case Signal::logs:
      return kLogs;
    case Signal::metrics:
      return kMetrics;
    case Signal::traces:
      break;
  }
  return kTraces;
}

Weight OtlpBatch::weight() const noexcept {
  Weight sum;
  for (uint32_t i = 0; i < size; ++i) {
    sum += resource_weight(i);
  }
  return sum;
}

Batch* OtlpBatch::copy_views(Arena& arena) const {
  auto* copy = new (arena.allocate(sizeof(OtlpBatch), alignof(OtlpBatch))) OtlpBatch(*this);
  copy->resources = copy_array(arena, resources, size);
  copy->records = copy_array(arena, records, size);
  copy->source_bytes = copy_array(arena, source_bytes, size);
  return copy;
}

}  // namespace tailrace
