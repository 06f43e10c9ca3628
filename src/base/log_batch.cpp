#include "tailrace/log_batch.h"

#include <algorithm>
#include <new>

#include "base/copy_array.h"

namespace tailrace {

const BatchType LogBatch::kType{"logs", Signal::logs};

std::string_view to_string(Severity severity) noexcept {
  static constexpr std::string_view kNames[] = {"trace", "debug", "info", "warn", "error", "fatal"};
  const auto number = static_cast<unsigned>(severity);
  if (number == 0 || number > 24) {
    return {};
  }
  return kNames[(number - 1) / 4];
}

Weight LogBatch::weight() const noexcept {
  Weight sum;
  for (uint32_t i = 0; i < size; ++i) {
    sum.bytes += source_bytes[i];
  }
  if (source_records == nullptr) {
    sum.records = size;
  } else {
    for (uint32_t i = 0; i < size; ++i) {
      sum.records += source_records[i];
    }
  }
  return sum;
}

Batch* LogBatch::copy_views(Arena& arena) const {
  auto* copy = new (arena.allocate(sizeof(LogBatch), alignof(LogBatch))) LogBatch(*this);
  copy->timestamps = copy_array(arena, timestamps, size);
  copy->bodies = copy_array(arena, bodies, size);
  copy->source_records = copy_array(arena, source_records, size);
  copy->source_bytes = copy_array(arena, source_bytes, size);
  copy->severities = copy_array(arena, severities, size);
  copy->metadata = copy_array(arena, metadata, size);
  return copy;
}

void LogBatch::ensure_severities(Arena& arena) {
  if (severities == nullptr) {
    severities = arena.array<Severity>(size);
    std::fill_n(severities, size, Severity::unset);
  }
}

void LogBatch::ensure_metadata(Arena& arena) {
  if (metadata == nullptr) {
    metadata = arena.array<MetaSpan>(size);
    std::fill_n(metadata, size, MetaSpan{});
  }
}

}  // namespace tailrace
