#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "tailrace/arena.h"
#include "tailrace/clock.h"
#include "tailrace/labels.h"

namespace tailrace {

/// A one-shot timer of a lane. Destroying it stops it; its callback never runs afterwards, so the
/// callback may capture its owner.
class Timer {
 public:
  virtual ~Timer() = default;
  /// (Re)starts it; fires once, not before `after` has passed. 0 = in the next turn.
  virtual void start(std::chrono::milliseconds after) = 0;
  virtual void stop() = 0;
  virtual bool active() const = 0;
};

/// Watches a descriptor that the caller owns. Destroying it ends the watch; it must go before the
/// descriptor is closed.
class FdWatch {
 public:
  virtual ~FdWatch() = default;
  virtual void set_events(bool readable, bool writable) = 0;
};

/// A thread with its own event loop. Everything of a lane runs on its thread and is not locked;
/// other threads only post().
class Lane {
 public:
  virtual ~Lane() = default;

  virtual uint32_t id() const noexcept = 0;
  virtual uint32_t count() const noexcept = 0;  ///< Number of lanes of the agent.
  /// True when this lane is the one for units of this order key (a canonical path, a target, …).
  bool owns(uint64_t order_hash) const noexcept { return order_hash % count() == id(); }

  virtual const Clock& clock() const noexcept = 0;
  /// Scratch for the unit in work; reset by the engine between units (Feed::begin_unit).
  virtual Arena& arena() noexcept = 0;
  virtual LabelInterner& labels() noexcept = 0;

  virtual std::unique_ptr<Timer> timer(std::function<void()> on_fire) = 0;
  virtual std::unique_ptr<FdWatch> watch_fd(
      int fd, std::function<void(bool readable, bool writable)> on_event) = 0;
  /// Runs `call` on the lane, in order of posting. Any thread. After the lane has stopped the call
  /// is destroyed without being run.
  virtual void post(std::function<void()> call) = 0;
  /// Runs `call` at the end of the current turn of the loop. Lane thread only.
  virtual void at_end_of_turn(std::function<void()> call) = 0;
  /// Runs `work` on a worker thread, then `done` on the lane. For what may block: fsync, name
  /// look-up, cold reads, directory scans. `work` must not touch anything of the lane.
  virtual void offload(std::function<void()> work, std::function<void()> done) = 0;
};

}  // namespace tailrace
