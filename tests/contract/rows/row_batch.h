#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "tailrace/batch.h"

namespace tailrace::contract {

/// Samples of many series, as a structure of arrays of `size` entries each.
///
/// Lifetime: the arrays live in the lane's arena, the views point into the page.
class RowBatch final : public Batch {
 public:
  static const BatchType kType;
  RowBatch() noexcept : Batch(kType) {}

  uint32_t size = 0;
  std::string_view* series = nullptr;
  uint64_t* series_hashes = nullptr;
  double* values = nullptr;
  uint32_t* source_bytes = nullptr;
  int64_t timestamp_ms = 0;  ///< One for the whole page, as with a scrape.

  Weight weight() const noexcept override {
    Weight sum{size, 0};
    for (uint32_t i = 0; i < size; ++i) {
      sum.bytes += source_bytes[i];
    }
    return sum;
  }
  Batch* copy_views(Arena& arena) const override {
    auto* copy = new (arena.allocate(sizeof(RowBatch), alignof(RowBatch))) RowBatch(*this);
    copy->series = std::copy_n(series, size, arena.array<std::string_view>(size)) - size;
    copy->series_hashes = std::copy_n(series_hashes, size, arena.array<uint64_t>(size)) - size;
    copy->values = std::copy_n(values, size, arena.array<double>(size)) - size;
    copy->source_bytes = std::copy_n(source_bytes, size, arena.array<uint32_t>(size)) - size;
    return copy;
  }
};

}  // namespace tailrace::contract
