#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tailrace/clock.h"

#include "plugins/converters/otlp_to_metrics/memory_share.h"
#include "plugins/converters/otlp_to_metrics/points.h"

namespace tailrace::converters::otlp_to_metrics {

/// Adds up points of delta temporality, by series.
///
/// Memory: at most `limit` bytes, of the account. When there is no more, series that had no point
///         for kIdle are forgotten; new ones are refused until there is room.
/// Replay: what came before is not kept over a restart: series then begin again, at the start of
///         the first point that follows, which readers of counters take for a reset.
/// Source: OpenTelemetry metrics data model, "Sums: Delta-to-Cumulative".
class DeltaBook {
 public:
  static constexpr int64_t kIdleNs = 3'600'000'000'000;

  DeltaBook(size_t limit, MemoryAccount& account, const Clock& clock)
      : memory_(account, limit), clock_(clock) {}

  /// Makes `point` the sum of all points of its series so far. Returns null, or why it is not
  /// taken: a label for metrics. `series` names it.
  const char* add(std::string_view series, Kind kind, Point& point);
  size_t bytes() const noexcept { return memory_.bytes(); }

 private:
  struct Sum {
    PointValues so_far;
    int64_t seen_ns = 0;
  };
  void forget_idle();
  static size_t size_of(std::string_view series, const PointValues& values) noexcept;

  MemoryShare memory_;
  const Clock& clock_;
  std::unordered_map<std::string, Sum> sums_;
  int64_t looked_ns_ = 0;  // when idle ones were looked for
};

}  // namespace tailrace::converters::otlp_to_metrics
