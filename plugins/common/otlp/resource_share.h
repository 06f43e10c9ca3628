#pragma once

#include <algorithm>
#include <cstdint>

#include "tailrace/batch.h"

namespace tailrace::common::otlp {

/// Deals out the weight of a resource to its records: one each, and of the bytes an even share; the
/// last one gets what is left.
class ResourceShare {
 public:
  ResourceShare() = default;
  ResourceShare(const Weight& whole, uint64_t records) : left_(whole), records_left_(records) {}

  /// For the next record; not to be called more often than there are records.
  Weight take() noexcept {
    Weight share{std::min<uint64_t>(1, left_.records), left_.bytes / records_left_};
    if (records_left_ == 1) {
      share = left_;
    }
    left_ -= share;
    --records_left_;
    return share;
  }

 private:
  Weight left_;
  uint64_t records_left_ = 0;
};

/// Most that a resource of this size may become when what it says of all its records is repeated
/// for each of them. More is no telemetry but an attack on our memory. What repeats compresses to a
/// twentieth, so that the credit of a converter's `growth` holds for what is let through.
constexpr uint64_t most_growth(uint64_t bytes) noexcept {
  constexpr uint64_t kTimes = 64;
  constexpr uint64_t kFree = 1 << 20;
  return kTimes * bytes + kFree;
}

}  // namespace tailrace::common::otlp
