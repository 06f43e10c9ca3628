#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "tailrace/clock.h"
#include "tailrace/metric_batch.h"

namespace tailrace::outputs::prometheus_remote_write {

/// When a family's metadata goes out again (1.0: it is no part of a series there).
///
/// A source is asked once an interval, so that samples in between cost one look-up per batch. This
/// is the one thing in a request that depends on the clock: a server keeps the last of equal
/// metadata, so a replay shows nothing.
class MetadataSchedule {
 public:
  MetadataSchedule(const Clock& clock, Duration interval)
      : clock_(clock), interval_ns_(interval.count()) {}

  /// Whether this batch (named by its first series) is to be looked through.
  bool begin_batch(uint64_t source);
  /// Within such a batch: whether this family goes out now; it counts as sent then.
  bool take(std::string_view tenant, const MetricFamily& family);

 private:
  struct Sent {
    int64_t at_ns;
    uint64_t content;
  };
  const Clock& clock_;
  const int64_t interval_ns_;
  std::unordered_map<uint64_t, int64_t> sources_;  // when each was looked through
  std::unordered_map<uint64_t, Sent> families_;    // by tenant and name
};

}  // namespace tailrace::outputs::prometheus_remote_write
