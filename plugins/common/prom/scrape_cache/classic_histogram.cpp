#include "plugins/common/prom/scrape_cache/classic_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <type_traits>

#include "plugins/common/prom/remote_write.h"

namespace tailrace::common::prom {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool is_whole(double count) noexcept {
  return count < 9e18 && count == std::round(count);
}

/// How many empty buckets in a row stay where they are, between others. For integers an empty
/// bucket costs less than another span.
/// Source: the arguments of Compact in TempHistogram.Convert.
template <class T>
constexpr size_t kMostEmpty = std::is_same_v<T, int64_t> ? 2 : 0;

}  // namespace

void ClassicHistogram::add_bucket(double bound, double count) {
  const auto at =
      std::lower_bound(buckets_.begin(), buckets_.end(), bound,
                       [](const Bucket& bucket, double of) noexcept { return bucket.bound < of; });
  if (at != buckets_.end() && at->bound == bound) {
    return;
  }
  const bool falls = (at != buckets_.begin() && count < (at - 1)->count) ||
                     (at != buckets_.end() && count > at->count);
  is_broken_ = is_broken_ || falls || !(count >= 0);
  buckets_.insert(at, {bound, count});
}

void ClassicHistogram::set_count(double count) {
  is_broken_ = is_broken_ || !(count >= 0);
  count_ = count;
  has_count_ = true;
}

void ClassicHistogram::clear() noexcept {
  buckets_.clear();
  count_ = sum_ = 0;
  has_count_ = is_broken_ = false;
}

/// T is int64_t (differences of counts) or double (counts).
template <class T>
void ClassicHistogram::put_buckets(NativeHistogram& to, Arena& arena) const {
  auto* spans = arena.array<BucketSpan>(buckets_.size());
  auto* values = arena.array<T>(buckets_.size());
  size_t span_count = 0;
  size_t value_count = 0;
  size_t next = 0;  // behind the last bucket that was put
  T before = 0;     // observations up to the bucket at hand
  T last = 0;       // in the last bucket that was put
  const auto put = [&](T count) {
    values[value_count++] = std::is_same_v<T, int64_t> ? count - last : count;
    last = count;
    ++spans[span_count - 1].length;
    ++next;
  };
  for (size_t i = 0; i < buckets_.size(); ++i) {
    const T upto = static_cast<T>(buckets_[i].count);
    const T count = upto - before;
    before = upto;
    if (count == 0) {
      continue;
    }
    if (span_count == 0 || i - next > kMostEmpty<T>) {
      spans[span_count++] = {static_cast<int32_t>(i - next), 0};
      next = i;
    }
    while (next < i) {
      put(0);
    }
    put(count);
  }
  to.positive_spans = {spans, span_count};
  if constexpr (std::is_same_v<T, int64_t>) {
    to.positive_deltas = {values, value_count};
  } else {
    to.positive_counts = {values, value_count};
  }
}

NativeHistogram* ClassicHistogram::convert(Arena& arena) {
  if (buckets_.empty() || buckets_.back().bound != kInfinity) {
    if (!has_count_ && !buckets_.empty()) {
      count_ = buckets_.back().count;
    }
    add_bucket(kInfinity, count_);
  }
  if (!has_count_) {
    set_count(buckets_.back().count);
  }
  if (is_broken_ || count_ != buckets_.back().count || buckets_.front().bound == -kInfinity) {
    return nullptr;
  }
  auto* made = new (arena.array<NativeHistogram>(1)) NativeHistogram();
  made->schema = kCustomBuckets;
  made->sum = sum_;
  auto* bounds = arena.array<double>(buckets_.size());
  for (size_t i = 0; i + 1 < buckets_.size(); ++i) {
    bounds[i] = buckets_[i].bound;
  }
  made->custom_values = {bounds, buckets_.size() - 1};
  made->is_float = !std::all_of(buckets_.begin(), buckets_.end(),
                                [](const Bucket& bucket) { return is_whole(bucket.count); });
  if (made->is_float) {
    made->count_float = count_;
    put_buckets<double>(*made, arena);
  } else {
    made->count = static_cast<uint64_t>(count_);
    put_buckets<int64_t>(*made, arena);
  }
  return made;
}

}  // namespace tailrace::common::prom
