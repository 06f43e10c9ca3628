#pragma once

#include <vector>

#include "tailrace/arena.h"
#include "tailrace/metric_batch.h"

namespace tailrace::common::prom {

/// The samples of one classic histogram, to be made a native one with custom buckets (schema -53).
///
/// Source: Prometheus util/convertnhcb, TempHistogram.
class ClassicHistogram {
 public:
  /// `count`: observations up to `bound`. Of two buckets with one bound the first counts.
  void add_bucket(double bound, double count);
  void set_count(double count);
  void set_sum(double sum) noexcept { sum_ = sum; }
  /// Forgets all of it; keeps its memory.
  void clear() noexcept;

  /// Of floats where a count is no whole number. Null: these samples are no histogram (counts that
  /// fall, or that contradict `_count`).
  /// Lifetime: the result and its arrays are in the arena.
  NativeHistogram* convert(Arena& arena);

 private:
  struct Bucket {
    double bound;
    double count;
  };
  template <class T>
  void put_buckets(NativeHistogram& to, Arena& arena) const;

  std::vector<Bucket> buckets_;  // by bound
  double count_ = 0;
  double sum_ = 0;
  bool has_count_ = false;
  bool is_broken_ = false;
};

}  // namespace tailrace::common::prom
