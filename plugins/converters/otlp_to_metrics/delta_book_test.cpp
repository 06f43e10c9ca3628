#include "plugins/converters/otlp_to_metrics/delta_book.h"

#include <string>

#include <doctest/doctest.h>

#include "testkit/manual_lane.h"
#include "testkit/test_memory.h"

using namespace tailrace;
using namespace tailrace::converters::otlp_to_metrics;

namespace {

Point number(uint64_t time, double value) {
  Point point;
  point.start = time - 1;
  point.time = time;
  point.value = value;
  return point;
}
Point exponential(uint64_t time, int64_t scale, int64_t offset, std::vector<uint64_t> counts) {
  Point point;
  point.time = time;
  point.scale = scale;
  point.positive = {offset, std::move(counts)};
  point.count = 1;
  point.sum = 2;
  return point;
}

struct Rig {
  testkit::ManualClock clock;
  testkit::TestMemory memory;
  DeltaBook book{4096, memory, clock};
};

}  // namespace

TEST_CASE("DeltaBook: sums by series, from the start of the first point") {
  Rig rig;
  Point a = number(10, 1);
  Point b = number(20, 5);
  Point c = number(30, 2);
  CHECK(rig.book.add("x", Kind::sum, a) == nullptr);
  CHECK(rig.book.add("y", Kind::sum, b) == nullptr);
  CHECK(rig.book.add("x", Kind::sum, c) == nullptr);
  CHECK(b.value == 5);
  CHECK(c.value == 3);
  CHECK(c.start == 9);
  CHECK(c.time == 30);
  Point late = number(30, 1);
  CHECK(rig.book.add("x", Kind::sum, late) == std::string_view("delta_out_of_order"));
}

TEST_CASE("DeltaBook: histograms with other bounds begin again") {
  Rig rig;
  const auto histogram = [](uint64_t time, std::vector<double> bounds) {
    Point point;
    point.start = time - 1;
    point.time = time;
    point.count = 2;
    point.sum = 1.5;
    point.counts = {1, 1};
    point.bounds = std::move(bounds);
    return point;
  };
  Point first = histogram(10, {1});
  Point second = histogram(20, {1});
  Point other = histogram(30, {2});
  CHECK(rig.book.add("h", Kind::histogram, first) == nullptr);
  CHECK(rig.book.add("h", Kind::histogram, second) == nullptr);
  CHECK(second.counts == std::vector<uint64_t>{2, 2});
  CHECK(second.count == 4);
  CHECK(second.sum == 3.0);
  CHECK(rig.book.add("h", Kind::histogram, other) == nullptr);
  CHECK(other.counts == std::vector<uint64_t>{1, 1});
  CHECK(other.start == 29);
}

TEST_CASE("DeltaBook: exponential histograms meet at the smaller scale") {
  Rig rig;
  Point first = exponential(10, 1, 2, {1, 1, 1});  // at scale 0: numbers 1, 1, 2
  Point second = exponential(20, 0, -1, {5});
  CHECK(rig.book.add("e", Kind::exponential, first) == nullptr);
  CHECK(rig.book.add("e", Kind::exponential, second) == nullptr);
  CHECK(second.scale == 0);
  CHECK(second.positive.offset == -1);
  CHECK(second.positive.counts == std::vector<uint64_t>{5, 0, 2, 1});
  CHECK(second.count == 2);
  CHECK(second.sum == 4.0);
}

TEST_CASE("DeltaBook: memory is bounded, and idle series make room") {
  Rig rig;
  int taken = 0;
  const auto fill = [&] {
    taken = 0;
    for (int i = 0; i < 100; ++i) {
      Point point = number(10, 1);
      taken += rig.book.add(std::to_string(rig.clock.monotonic_ns()) + "/" + std::to_string(i),
                            Kind::sum, point) == nullptr
                   ? 1
                   : 0;
    }
  };
  fill();
  CHECK(taken > 1);
  CHECK(taken < 50);
  CHECK(rig.book.bytes() <= 4096);
  const int before = taken;
  rig.clock.advance(std::chrono::hours(2));
  fill();
  CHECK(taken >= before - 1);
  CHECK(rig.book.bytes() <= 4096);
}

TEST_CASE("DeltaBook: a histogram cannot grow beyond the memory") {
  Rig rig;
  Point first = exponential(10, 0, 0, {1});
  Point far = exponential(20, 0, 10'000, {1});
  CHECK(rig.book.add("e", Kind::exponential, first) == nullptr);
  CHECK(rig.book.add("e", Kind::exponential, far) == nullptr);  // begins again
  CHECK(far.positive.counts == std::vector<uint64_t>{1});
  CHECK(rig.book.bytes() <= 4096);
}

TEST_CASE("DeltaBook: what it holds is reserved, and no more is held than there is") {
  testkit::ManualClock clock;
  testkit::TestMemory memory;
  {
    DeltaBook book(1 << 20, memory, clock);
    Point first = exponential(10, 0, 0, {1});
    Point number_of_y = number(10, 1);
    CHECK(book.add("x", Kind::exponential, first) == nullptr);
    CHECK(book.add("y", Kind::sum, number_of_y) == nullptr);
    CHECK(memory.used == book.bytes());
    memory.limit = memory.used + 40;  // others have the rest
    Point far = exponential(20, 0, 1000, {1});
    CHECK(book.add("x", Kind::exponential, far) == nullptr);  // begins again
    CHECK(far.positive.counts == std::vector<uint64_t>{1});
    Point near = exponential(30, 0, 1001, {1});
    CHECK(book.add("x", Kind::exponential, near) == nullptr);
    CHECK(near.positive.counts == std::vector<uint64_t>{1, 1});
    Point wide = exponential(40, 0, 1000, std::vector<uint64_t>(100, 1));
    CHECK(book.add("x", Kind::exponential, wide) == std::string_view("delta_memory_full"));
    Point other = number(10, 1);
    CHECK(book.add("z", Kind::sum, other) == std::string_view("delta_memory_full"));
    CHECK(memory.used == book.bytes());
    CHECK(memory.used <= memory.limit);
  }
  CHECK(memory.used == 0);
}

TEST_CASE("DeltaBook: a series that ends is forgotten") {
  Rig rig;
  Point first = number(10, 1);
  Point end = number(20, 0);
  end.is_stale = true;
  Point again = number(30, 4);
  CHECK(rig.book.add("x", Kind::sum, first) == nullptr);
  CHECK(rig.book.add("x", Kind::sum, end) == nullptr);
  CHECK(rig.book.bytes() == 0);
  CHECK(rig.book.add("x", Kind::sum, again) == nullptr);
  CHECK(again.value == 4);
}
