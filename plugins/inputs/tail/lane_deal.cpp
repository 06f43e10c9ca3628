#include "plugins/inputs/tail/lane_deal.h"

#include "tailrace/check.h"

namespace tailrace::inputs::tail {
namespace {

// What was dealt is remembered for good: a path that comes back must go where its rows are known.
// With more than so many, a few MiB, what is new goes by its hash alone.
constexpr size_t kMostEntries = 64 * 1024;

}  // namespace

uint32_t LaneDeal::owner(uint64_t order_hash, uint32_t lanes) {
  const auto by_hash = static_cast<uint32_t>(order_hash % lanes);
  if (lanes == 1) {
    return by_hash;
  }
  const std::lock_guard lock(mutex_);
  if (const auto known = entries_.find(order_hash); known != entries_.end()) {
    return known->second.lane;
  }
  if (entries_.size() >= kMostEntries) {
    return by_hash;
  }
  held_.resize(lanes);
  uint32_t lane = by_hash;
  for (uint32_t i = 0; i < lanes; ++i) {
    lane = held_[i] < held_[lane] ? i : lane;
  }
  ++held_[lane];
  entries_.emplace(order_hash, Entry{lane});
  return lane;
}

void LaneDeal::taken(uint64_t order_hash) {
  const std::lock_guard lock(mutex_);
  if (const auto entry = entries_.find(order_hash); entry != entries_.end()) {
    ++entry->second.paths;
    if (!entry->second.counts) {
      entry->second.counts = true;
      ++held_[entry->second.lane];
    }
  }
}

void LaneDeal::gone(uint64_t order_hash) {
  const std::lock_guard lock(mutex_);
  if (const auto entry = entries_.find(order_hash); entry != entries_.end()) {
    TR_ASSERT(entry->second.paths != 0);
    if (--entry->second.paths == 0) {
      entry->second.counts = false;
      --held_[entry->second.lane];
    }
  }
}

}  // namespace tailrace::inputs::tail
