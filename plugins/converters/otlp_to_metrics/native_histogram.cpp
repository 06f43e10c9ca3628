#include "plugins/converters/otlp_to_metrics/native_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <limits>

#include "plugins/common/prom/remote_write.h"

namespace tailrace::converters::otlp_to_metrics {

namespace {

constexpr int64_t kLeastScale = -4;
constexpr int64_t kMostScale = 8;
/// Of every histogram, whatever its point says: Prometheus's own endpoint reads no threshold.
constexpr double kZeroThreshold = 1e-128;
/// Gaps up to this are cheaper as empty buckets than as another span.
constexpr int64_t kSmallGap = 2;

/// Writes populated buckets as spans and differences.
class Layout {
 public:
  /// Room for `buckets` populated ones.
  Layout(size_t buckets, Arena& arena)
      : spans_(arena.array<BucketSpan>(buckets)),
        deltas_(arena.array<int64_t>(buckets * (1 + static_cast<size_t>(kSmallGap)))) {}

  /// In order of the indices.
  void add(int64_t index, uint64_t count) {
    const int64_t gap = index - next_index_;
    if (span_count_ == 0 || gap > kSmallGap) {
      spans_[span_count_++] = {static_cast<int32_t>(gap), 0};
    } else {
      for (int64_t i = 0; i < gap; ++i) {
        append(0);
      }
    }
    append(count);
    next_index_ = index + 1;
  }
  std::span<const BucketSpan> spans() const noexcept { return {spans_, span_count_}; }
  std::span<const int64_t> deltas() const noexcept { return {deltas_, delta_count_}; }

 private:
  void append(uint64_t count) {
    ++spans_[span_count_ - 1].length;
    deltas_[delta_count_++] = static_cast<int64_t>(count - before_);
    before_ = count;
  }

  BucketSpan* spans_;
  int64_t* deltas_;
  size_t span_count_ = 0;
  size_t delta_count_ = 0;
  int64_t next_index_ = 0;  // the first span counts from 0
  uint64_t before_ = 0;
};

/// The index of a bucket that an exponential histogram counts as number `i`.
int64_t index_of(int64_t i, int64_t scale_down) noexcept {
  return (i >> scale_down) + 1;
}

bool has_fitting_indices(const Buckets& buckets) noexcept {
  constexpr int64_t kLimit = std::numeric_limits<int32_t>::max() / 2;
  const auto count = static_cast<int64_t>(buckets.counts.size());
  return buckets.offset >= -kLimit && buckets.offset <= kLimit - count;
}

Layout lay_out(const Buckets& buckets, int64_t scale_down, Arena& arena) {
  Layout layout(buckets.counts.size(), arena);
  uint64_t count = 0;
  for (size_t i = 0; i < buckets.counts.size(); ++i) {
    const int64_t number = buckets.offset + static_cast<int64_t>(i);
    count += buckets.counts[i];
    const bool is_last = i + 1 == buckets.counts.size() ||
                         index_of(number, scale_down) != index_of(number + 1, scale_down);
    if (is_last && count != 0) {
      layout.add(index_of(number, scale_down), count);
      count = 0;
    }
  }
  return layout;
}

/// True when the buckets hold what the point counts; where there is no sum of what was observed, a
/// NaN may have fallen into none of them. Prometheus refuses any other histogram, and the request
/// that it comes in. Source: Prometheus model/histogram, Histogram.Validate.
bool counts_add_up(const Point& point,
                   std::initializer_list<const std::vector<uint64_t>*> buckets) noexcept {
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  uint64_t total = point.zero_count;
  for (const std::vector<uint64_t>* counts : buckets) {
    for (const uint64_t count : *counts) {
      if (total > kMost || count > kMost - total) {
        return false;
      }
      total += count;
    }
  }
  return std::isnan(point.sum.value_or(0)) ? total <= point.count : total == point.count;
}

bool bounds_are_good(const std::vector<double>& bounds) noexcept {
  const bool rise = std::ranges::adjacent_find(bounds, std::greater_equal()) == bounds.end();
  return rise && std::ranges::none_of(bounds, [](double bound) { return std::isnan(bound); }) &&
         (bounds.empty() || !std::isinf(bounds.back()) || bounds.back() < 0);
}

/// What both kinds have in common.
void set_totals(const Point& point, NativeHistogram& out) noexcept {
  out.count = point.is_stale ? kStaleNan : point.count;
  out.sum = point.is_stale ? std::bit_cast<double>(kStaleNan) : point.sum.value_or(0);
}

}  // namespace

const char* check_exponential(const Point& point) noexcept {
  if (point.scale < kLeastScale) {
    return "scale_below_minus_4";
  }
  if (point.scale > std::numeric_limits<int32_t>::max()) {
    return "scale_too_large";
  }
  if (point.positive.counts.size() + point.negative.counts.size() > kMostBuckets) {
    return "too_many_buckets";
  }
  if (!has_fitting_indices(point.positive) || !has_fitting_indices(point.negative)) {
    return "bucket_index";
  }
  const bool good =
      point.is_stale || counts_add_up(point, {&point.positive.counts, &point.negative.counts});
  return good ? nullptr : "buckets_do_not_match";
}

void exponential_to_native(const Point& point, Arena& arena, NativeHistogram& out) {
  const int64_t scale = std::min(point.scale, kMostScale);
  const int64_t scale_down = std::min<int64_t>(point.scale - scale, 32);
  const Layout positive = lay_out(point.positive, scale_down, arena);
  const Layout negative = lay_out(point.negative, scale_down, arena);
  out.schema = static_cast<int32_t>(scale);
  out.zero_threshold = kZeroThreshold;
  out.zero_count = point.zero_count;
  out.positive_spans = positive.spans();
  out.positive_deltas = positive.deltas();
  out.negative_spans = negative.spans();
  out.negative_deltas = negative.deltas();
  set_totals(point, out);
}

const char* explicit_to_native(const Point& point, Arena& arena, NativeHistogram& out) {
  if (point.counts.size() > kMostBuckets) {
    return "too_many_buckets";
  }
  const bool fits = point.counts.empty() || point.counts.size() == point.bounds.size() + 1;
  if (!fits || (!point.is_stale && !counts_add_up(point, {&point.counts}))) {
    return "buckets_do_not_match";
  }
  if (!bounds_are_good(point.bounds)) {
    return "bucket_bounds";
  }
  Layout layout(point.counts.size(), arena);
  for (size_t i = 0; i < point.counts.size(); ++i) {
    if (point.counts[i] != 0) {
      layout.add(static_cast<int64_t>(i), point.counts[i]);
    }
  }
  double* const bounds = arena.array<double>(point.bounds.size());
  std::ranges::copy(point.bounds, bounds);
  out.schema = common::prom::kCustomBuckets;
  out.positive_spans = layout.spans();
  out.positive_deltas = layout.deltas();
  out.custom_values = {bounds, point.bounds.size()};
  set_totals(point, out);
  return nullptr;
}

}  // namespace tailrace::converters::otlp_to_metrics
