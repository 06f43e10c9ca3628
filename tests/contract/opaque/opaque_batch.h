#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "tailrace/batch.h"

namespace tailrace::contract {

/// Messages of one body, as views; nobody looks into them.
class OpaqueBatch final : public Batch {
 public:
  static const BatchType kType;
  OpaqueBatch() noexcept : Batch(kType) {}

  uint32_t size = 0;
  std::string_view* messages = nullptr;  ///< Each with its length in front.

  Weight weight() const noexcept override {
    Weight sum{size, 0};
    for (uint32_t i = 0; i < size; ++i) {
      sum.bytes += messages[i].size();
    }
    return sum;
  }
  Batch* copy_views(Arena& arena) const override {
    auto* copy = new (arena.allocate(sizeof(OpaqueBatch), alignof(OpaqueBatch))) OpaqueBatch(*this);
    copy->messages = std::copy_n(messages, size, arena.array<std::string_view>(size)) - size;
    return copy;
  }
};

}  // namespace tailrace::contract
