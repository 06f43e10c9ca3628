#include "plugins/converters/otlp_to_metrics/delta_book.h"

#include <algorithm>
#include <utility>

#include "plugins/converters/otlp_to_metrics/native_histogram.h"

namespace tailrace::converters::otlp_to_metrics {

namespace {

/// How often idle series are looked for, at most.
constexpr int64_t kLookEveryNs = 10'000'000'000;

/// Merges buckets so that there are 2^down fewer.
void scale_down(Buckets& buckets, int64_t down) {
  if (down <= 0 || buckets.counts.empty()) {
    return;
  }
  const int64_t shift = std::min<int64_t>(down, 63);
  const int64_t offset = buckets.offset >> shift;
  size_t used = 0;
  for (size_t i = 0; i < buckets.counts.size(); ++i) {
    const auto to =
        static_cast<size_t>(((buckets.offset + static_cast<int64_t>(i)) >> shift) - offset);
    const uint64_t count = std::exchange(buckets.counts[i], 0);
    buckets.counts[to] += count;
    used = to + 1;
  }
  buckets.offset = offset;
  buckets.counts.resize(used);
}

int64_t end_of(const Buckets& buckets) noexcept {
  return buckets.offset + static_cast<int64_t>(buckets.counts.size());
}

/// The number of buckets that cover both.
int64_t width_of(const Buckets& a, const Buckets& b) noexcept {
  if (a.counts.empty() || b.counts.empty()) {
    return static_cast<int64_t>(std::max(a.counts.size(), b.counts.size()));
  }
  return std::max(end_of(a), end_of(b)) - std::min(a.offset, b.offset);
}

void add_buckets(Buckets& to, const Buckets& from) {
  if (from.counts.empty()) {
    return;
  }
  if (to.counts.empty()) {
    to = from;
    return;
  }
  const auto width = static_cast<size_t>(width_of(to, from));
  if (from.offset < to.offset) {
    to.counts.insert(to.counts.begin(), static_cast<size_t>(to.offset - from.offset), 0);
    to.offset = from.offset;
  }
  to.counts.resize(width, 0);
  const auto first = static_cast<size_t>(from.offset - to.offset);
  for (size_t i = 0; i < from.counts.size(); ++i) {
    to.counts[first + i] += from.counts[i];
  }
}

void add_totals(PointValues& to, const PointValues& from) {
  to.count += from.count;
  if (to.sum && from.sum) {
    *to.sum += *from.sum;
  } else {
    to.sum.reset();
  }
}

/// False when the two have other buckets: then there is nothing to add to.
bool add_histogram(PointValues& to, const PointValues& from) {
  if (to.bounds != from.bounds || to.counts.size() != from.counts.size()) {
    return false;
  }
  for (size_t i = 0; i < to.counts.size(); ++i) {
    to.counts[i] += from.counts[i];
  }
  add_totals(to, from);
  return true;
}

/// The same when the sum would have more than `most` buckets.
bool add_exponential(PointValues& to, PointValues from, size_t most) {
  if (to.zero_threshold != from.zero_threshold) {
    return false;
  }
  const int64_t scale = std::min(to.scale, from.scale);
  for (PointValues* point : {&to, &from}) {
    scale_down(point->positive, point->scale - scale);
    scale_down(point->negative, point->scale - scale);
    point->scale = scale;
  }
  if (static_cast<size_t>(width_of(to.positive, from.positive) +
                          width_of(to.negative, from.negative)) > most) {
    return false;
  }
  add_buckets(to.positive, from.positive);
  add_buckets(to.negative, from.negative);
  to.zero_count += from.zero_count;
  add_totals(to, from);
  return true;
}

/// Where a sum begins that has this point only.
PointValues begun_by(const Point& point) {
  PointValues values = point;
  values.start = point.start != 0 ? point.start : point.time;
  return values;
}

}  // namespace

const char* DeltaBook::add(std::string_view series, Kind kind, Point& point) {
  const auto found = sums_.find(std::string(series));
  if (point.is_stale) {  // it ends
    if (found != sums_.end()) {
      memory_.hold(memory_.bytes() - size_of(series, found->second.so_far));
      sums_.erase(found);
    }
    return nullptr;
  }
  if (found == sums_.end()) {
    const size_t size = size_of(series, point);
    if (!memory_.hold(memory_.bytes() + size)) {
      forget_idle();
      if (!memory_.hold(memory_.bytes() + size)) {
        return "delta_memory_full";
      }
    }
    static_cast<PointValues&>(point) = begun_by(point);
    sums_.emplace(series, Sum{point, clock_.monotonic_ns()});
    return nullptr;
  }
  Sum& sum = found->second;
  PointValues& so_far = sum.so_far;
  if (point.time <= so_far.time) {
    return "delta_out_of_order";
  }
  const size_t before = size_of(series, so_far);
  const size_t others = memory_.bytes() - before;
  if (!memory_.hold(others + std::max(before, size_of(series, point)))) {
    return "delta_memory_full";
  }
  bool added = true;
  if (kind == Kind::sum) {
    so_far.value += point.value;
  } else if (kind == Kind::histogram) {
    added = add_histogram(so_far, point);
  } else {
    const size_t room = (memory_.limit() - others - size_of(series, {})) / sizeof(uint64_t);
    added = add_exponential(so_far, point, std::min(room, kMostBuckets));
  }
  if (added && memory_.hold(others + size_of(series, so_far))) {
    so_far.time = point.time;
  } else {
    so_far = begun_by(point);  // again
    memory_.hold(others + size_of(series, so_far));
  }
  sum.seen_ns = clock_.monotonic_ns();
  static_cast<PointValues&>(point) = so_far;
  return nullptr;
}

void DeltaBook::forget_idle() {
  const int64_t now = clock_.monotonic_ns();
  if (looked_ns_ != 0 && now - looked_ns_ < kLookEveryNs) {
    return;
  }
  looked_ns_ = now;
  size_t left = memory_.bytes();
  std::erase_if(sums_, [&](const auto& entry) {
    const bool is_idle = now - entry.second.seen_ns > kIdleNs;
    left -= is_idle ? size_of(entry.first, entry.second.so_far) : 0;
    return is_idle;
  });
  memory_.hold(left);
}

size_t DeltaBook::size_of(std::string_view series, const PointValues& values) noexcept {
  constexpr size_t kNode = 64;
  return kNode + series.size() + sizeof(Sum) +
         sizeof(uint64_t) * (values.counts.size() + values.bounds.size() +
                             values.positive.counts.size() + values.negative.counts.size());
}

}  // namespace tailrace::converters::otlp_to_metrics
