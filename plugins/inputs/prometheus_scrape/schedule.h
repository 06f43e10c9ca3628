#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "tailrace/lane.h"

namespace tailrace::inputs::prometheus_scrape {

/// What waits for its time in a Schedule. Belongs to somebody else; leaves when it is destroyed.
class Scheduled {
 public:
  virtual ~Scheduled();
  Scheduled(const Scheduled&) = delete;
  Scheduled& operator=(const Scheduled&) = delete;

 protected:
  Scheduled() = default;
  /// The time has come; it is no longer in the schedule, and may enter itself again.
  virtual void on_due() = 0;

 private:
  friend class Schedule;
  class Schedule* schedule_ = nullptr;  // null: not in one
  size_t place_ = 0;                    // in its heap
  int64_t due_ns_ = 0;
};

/// One timer for thousands: a heap by time. All that fall due together are served in one turn of
/// the lane, because a lane that wakes up with cold caches pays as much for that as for a scrape.
///
/// Units: monotonic ns.
/// Lane:  the one given. Outlives what is in it.
class Schedule {
 public:
  explicit Schedule(Lane& lane);
  ~Schedule();
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;

  /// Enters it, or moves it to another time.
  void set(Scheduled& item, int64_t due_ns);
  void remove(Scheduled& item);
  size_t size() const noexcept { return heap_.size(); }

 private:
  void serve();
  void arm();
  void swap_places(size_t a, size_t b);
  void up(size_t place);
  void down(size_t place);

  Lane& lane_;
  std::vector<Scheduled*> heap_;  // the earliest first
  std::unique_ptr<Timer> timer_;
  int64_t armed_for_ns_ = 0;
  bool armed_ = false;
  bool serving_ = false;
};

/// When a target is scraped: at `offset` into each interval of wall-clock time.
///
/// The offset is the target's hash modulo the interval, as Prometheus spreads them, rounded down to
/// a twentieth of the interval but to no more than kSlot: targets that share a slot are served in
/// one turn.
class Rhythm {
 public:
  static constexpr int64_t kSlotNs = 50'000'000;
  /// How late a scrape may start and still get the time at which it was due: equal distances
  /// compress better.
  /// Source: Prometheus scrape/scrape.go, ScrapeTimestampTolerance.
  static constexpr int64_t kToleranceNs = 2'000'000;

  Rhythm() = default;
  Rhythm(uint64_t hash, Duration interval);

  int64_t interval_ns() const noexcept { return interval_; }
  /// The first time at or after `wall_ns`.
  int64_t first(int64_t wall_ns) const noexcept;
  /// The time after `due_ns`; those that have passed are left out, and a clock that was set back or
  /// forward by more than half an interval begins anew.
  int64_t next(int64_t due_ns, int64_t wall_ns) const noexcept;
  /// The timestamp of a scrape that was due then and starts now.
  int64_t timestamp_ns(int64_t due_ns, int64_t wall_ns) const noexcept;

 private:
  int64_t interval_ = 1;
  int64_t offset_ = 0;
};

}  // namespace tailrace::inputs::prometheus_scrape
