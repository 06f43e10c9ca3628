#include "plugins/converters/otlp_to_metrics/native_histogram.h"

#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include <doctest/doctest.h>

using namespace tailrace;
using namespace tailrace::converters::otlp_to_metrics;

namespace {

using Counts = std::map<int64_t, int64_t>;

/// Populated buckets by index, as a reader of the wire counts them.
Counts counts_of(std::span<const BucketSpan> spans, std::span<const int64_t> deltas) {
  Counts counts;
  int64_t index = 0;
  int64_t count = 0;
  size_t next = 0;
  for (const BucketSpan& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length; ++i) {
      count += deltas[next++];
      if (count != 0) {
        counts[index] = count;
      }
      ++index;
    }
  }
  CHECK(next == deltas.size());
  return counts;
}

Counts laid_out(int64_t scale, int64_t offset, std::vector<uint64_t> counts,
                NativeHistogram* histogram = nullptr) {
  Arena arena;
  Point point;
  point.scale = scale;
  point.count = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  point.positive = {offset, std::move(counts)};
  REQUIRE(check_exponential(point) == nullptr);
  NativeHistogram out;
  exponential_to_native(point, arena, out);
  if (histogram != nullptr) {
    *histogram = out;
  }
  return counts_of(out.positive_spans, out.positive_deltas);
}

}  // namespace

TEST_CASE("native histogram: indices are those of upper bounds") {
  CHECK(laid_out(0, 0, {1, 2, 3}) == Counts{{1, 1}, {2, 2}, {3, 3}});
  CHECK(laid_out(3, -5, {4, 0, 5}) == Counts{{-4, 4}, {-2, 5}});
  CHECK(laid_out(0, 7, {}).empty());
  CHECK(laid_out(0, 7, {0, 0}).empty());
  CHECK(laid_out(-4, 0, {9}) == Counts{{1, 9}});
}

TEST_CASE("native histogram: far gaps begin another span, near ones are empty buckets") {
  NativeHistogram near;
  CHECK(laid_out(0, 0, {1, 0, 0, 2}, &near) == Counts{{1, 1}, {4, 2}});
  CHECK(near.positive_spans.size() == 1);
  NativeHistogram far;
  CHECK(laid_out(0, 0, {1, 0, 0, 0, 2}, &far) == Counts{{1, 1}, {5, 2}});
  CHECK(far.positive_spans.size() == 2);
}

TEST_CASE("native histogram: scales above 8 are merged down") {
  NativeHistogram histogram;
  // Numbers 3, 4, 5, 6 at scale 9 are 1, 2, 2, 3 at scale 8, and one more as upper bounds.
  CHECK(laid_out(9, 3, {1, 2, 4, 8}, &histogram) == Counts{{2, 1}, {3, 6}, {4, 8}});
  CHECK(histogram.schema == 8);
  CHECK(laid_out(10, -3, {1, 1, 1, 1}) == Counts{{0, 3}, {1, 1}});
  CHECK(laid_out(100, -1, {1, 1}) == Counts{{0, 1}, {1, 1}});
}

TEST_CASE("native histogram: what does not fit is refused") {
  Point point;
  point.scale = -5;
  CHECK(check_exponential(point) == std::string_view("scale_below_minus_4"));
  point.scale = INT64_MAX;
  CHECK(check_exponential(point) == std::string_view("scale_too_large"));
  point.scale = 0;
  point.negative = {INT64_MAX, {1}};
  CHECK(check_exponential(point) == std::string_view("bucket_index"));
  point.negative = {0, std::vector<uint64_t>(kMostBuckets + 1)};
  CHECK(check_exponential(point) == std::string_view("too_many_buckets"));
  Arena arena;
  NativeHistogram out;
  Point classic;
  classic.counts = {1, 2};
  classic.bounds = {1, 2};
  CHECK(explicit_to_native(classic, arena, out) == std::string_view("buckets_do_not_match"));
}

TEST_CASE("native histogram: buckets that do not hold what is counted are refused") {
  Point point;
  point.count = 6;
  point.zero_count = 1;
  point.positive = {0, {2}};
  point.negative = {0, {3}};
  CHECK(check_exponential(point) == nullptr);
  point.count = 7;
  CHECK(check_exponential(point) == std::string_view("buckets_do_not_match"));
  point.sum = std::nan("");  // a NaN is in no bucket
  CHECK(check_exponential(point) == nullptr);
  point.count = 5;
  CHECK(check_exponential(point) == std::string_view("buckets_do_not_match"));
  point.is_stale = true;  // nothing of it counts
  CHECK(check_exponential(point) == nullptr);
  Point wrapped;
  wrapped.count = 1;
  wrapped.positive = {0, {UINT64_MAX, 2}};
  CHECK(check_exponential(wrapped) == std::string_view("buckets_do_not_match"));

  Arena arena;
  NativeHistogram out;
  Point classic;
  classic.count = 3;
  classic.counts = {1, 2};
  classic.bounds = {1};
  CHECK(explicit_to_native(classic, arena, out) == nullptr);
  classic.count = 2;
  CHECK(explicit_to_native(classic, arena, out) == std::string_view("buckets_do_not_match"));
  Point bare;
  bare.count = 7;
  CHECK(explicit_to_native(bare, arena, out) == std::string_view("buckets_do_not_match"));
}

TEST_CASE("native histogram: custom bounds rise and end before infinity") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Arena arena;
  NativeHistogram out;
  const auto complaint_of = [&](std::vector<double> bounds) {
    Point classic;
    classic.counts.assign(bounds.size() + 1, 0);
    classic.bounds = std::move(bounds);
    const char* why = explicit_to_native(classic, arena, out);
    return std::string(why != nullptr ? why : "");
  };
  CHECK(complaint_of({}).empty());
  CHECK(complaint_of({-kInfinity, -1, 0, 2}).empty());
  CHECK(complaint_of({1, 1}) == "bucket_bounds");
  CHECK(complaint_of({2, 1}) == "bucket_bounds");
  CHECK(complaint_of({std::nan("")}) == "bucket_bounds");
  CHECK(complaint_of({1, kInfinity}) == "bucket_bounds");
}

TEST_CASE("native histogram: an ended series has the sum that says so") {
  Arena arena;
  Point point;
  point.is_stale = true;
  NativeHistogram out;
  exponential_to_native(point, arena, out);
  CHECK(std::bit_cast<uint64_t>(out.sum) == kStaleNan);
}
