#include "plugins/inputs/prometheus_scrape/schedule.h"

#include <algorithm>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

#include "testkit/manual_lane.h"

using namespace tailrace;
using namespace tailrace::inputs::prometheus_scrape;
using namespace std::chrono_literals;
using testkit::ManualLane;

namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1000 * kMs;

/// Writes down when it was due; comes again after `every_ns`, if that is set.
class Item final : public Scheduled {
 public:
  Item(ManualLane& lane, Schedule& schedule, int64_t every_ns = 0)
      : lane_(lane), schedule_(schedule), every_ns_(every_ns) {}
  std::vector<int64_t> times;

 private:
  void on_due() override {
    times.push_back(lane_.clock().monotonic_ns() / kMs);
    if (every_ns_ != 0) {
      schedule_.set(*this, lane_.clock().monotonic_ns() + every_ns_);
    }
  }
  ManualLane& lane_;
  Schedule& schedule_;
  int64_t every_ns_;
};

}  // namespace

TEST_CASE("Schedule: serves each at its time, in any order of entering") {
  ManualLane lane;
  Schedule schedule(lane);
  std::vector<std::unique_ptr<Item>> items;
  for (int i = 0; i < 500; ++i) {
    items.push_back(std::make_unique<Item>(lane, schedule));
    schedule.set(*items.back(), (i * 7919 % 500 + 1) * 3 * kMs);
  }
  lane.advance(2s);
  CHECK(schedule.size() == 0);
  for (int i = 0; i < 500; ++i) {
    REQUIRE(items[static_cast<size_t>(i)]->times.size() == 1);
    const int64_t due = (i * 7919 % 500 + 1) * 3;
    CHECK(items[static_cast<size_t>(i)]->times[0] >= due - 1);
    CHECK(items[static_cast<size_t>(i)]->times[0] <= due);
  }
}

TEST_CASE("Schedule: what is moved comes at its new time only, what is removed never") {
  ManualLane lane;
  Schedule schedule(lane);
  Item a(lane, schedule);
  Item b(lane, schedule);
  Item c(lane, schedule);
  schedule.set(a, 10 * kMs);
  schedule.set(b, 20 * kMs);
  schedule.set(c, 30 * kMs);
  schedule.set(a, 50 * kMs);
  schedule.remove(b);
  {
    Item gone(lane, schedule);
    schedule.set(gone, 5 * kMs);
  }
  lane.advance(100ms);
  CHECK(a.times == std::vector<int64_t>{50});
  CHECK(b.times.empty());
  CHECK(c.times == std::vector<int64_t>{30});
}

TEST_CASE("Schedule: what enters itself again while others are served keeps its rhythm") {
  ManualLane lane;
  Schedule schedule(lane);
  std::vector<std::unique_ptr<Item>> items;
  for (int i = 0; i < 20; ++i) {
    items.push_back(std::make_unique<Item>(lane, schedule, 100 * kMs));
    schedule.set(*items.back(), i % 3 * kMs);
  }
  lane.advance(1s);
  for (const auto& item : items) {
    CHECK(item->times.size() >= 10);
    CHECK(item->times.size() <= 11);
  }
}

TEST_CASE("Rhythm: the offset follows from the hash and lies within the interval") {
  for (const uint64_t hash : {uint64_t{0}, uint64_t{12'345'678'901}, UINT64_MAX}) {
    const Rhythm rhythm(hash, 15s);
    const int64_t wall = 1'767'322'445'123'456'789;
    const int64_t first = rhythm.first(wall);
    CHECK(first >= wall);
    CHECK(first < wall + 15 * kSecond);
    CHECK(Rhythm(hash, 15s).first(wall + kSecond) % (15 * kSecond) == first % (15 * kSecond));
    CHECK(first % Rhythm::kSlotNs == 0);
    CHECK(rhythm.next(first, first) == first + 15 * kSecond);
  }
}

TEST_CASE("Rhythm: many targets are spread evenly") {
  std::vector<int> tenths(10);
  uint64_t hash = 88172645463325252ULL;
  for (int i = 0; i < 10'000; ++i) {
    hash ^= hash << 13;
    hash ^= hash >> 7;
    hash ^= hash << 17;
    ++tenths[static_cast<size_t>(Rhythm(hash, 10s).first(0) / kSecond % 10)];
  }
  CHECK(*std::ranges::min_element(tenths) > 850);
  CHECK(*std::ranges::max_element(tenths) < 1150);
}

TEST_CASE("Rhythm: missed times are left out; a clock that jumps begins anew") {
  const Rhythm rhythm(3 * kSecond, 10s);
  CHECK(rhythm.first(0) == 3 * kSecond);
  CHECK(rhythm.next(3 * kSecond, 4 * kSecond) == 13 * kSecond);
  CHECK(rhythm.next(3 * kSecond, 34 * kSecond) == 43 * kSecond);       // a stall, or set forward
  CHECK(rhythm.next(1003 * kSecond, 500 * kSecond) == 503 * kSecond);  // set back
  // A little too early: not the same time twice.
  CHECK(rhythm.next(13 * kSecond, 13 * kSecond - kMs) == 23 * kSecond);
}

TEST_CASE("Rhythm: timestamps lie on the grid unless a scrape is later than the tolerance") {
  const Rhythm rhythm(0, 10s);
  const int64_t due = 20 * kSecond;
  CHECK(rhythm.timestamp_ns(due, due) == due);
  CHECK(rhythm.timestamp_ns(due, due + 2 * kMs) == due);
  CHECK(rhythm.timestamp_ns(due, due - kMs) == due);
  CHECK(rhythm.timestamp_ns(due, due + 3 * kMs) == due + 3 * kMs);
  // At most a hundredth of the interval.
  CHECK(Rhythm(0, 100ms).timestamp_ns(due, due + 2 * kMs) == due + 2 * kMs);
}
