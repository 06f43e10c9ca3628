#pragma once

#include "tailrace/metrics.h"

namespace tailrace::inputs::tail {

/// The input's metrics on one lane; for all files together, never one by one.
struct Stats {
  explicit Stats(Metrics& metrics);

  Counter& lines;
  Counter& bytes;
  Counter& truncated_lines;
  Counter& malformed_lines;
  Counter& invalid_utf8_lines;
  Counter& partial_flushes;
  Counter& rotations;
  Counter& truncations;
  Counter& lost_rotations;
  Counter& deleted_given_up;
  Counter& unreadable;
  Counter& stuck;
  Counter& cold_reads;
  Counter& event_overflows;
  Counter& rescans;
  Counter& memory_waits;

  Gauge& files_open;
  Gauge& files_reading;
  Gauge& files_rotated;
  Gauge& files_unreadable;
  Gauge& lag_bytes;
  Gauge& lag_seconds;
  Gauge& carried_bytes;
  Gauge& deleted_held_bytes;
  Gauge& unwatched_directories;
};

}  // namespace tailrace::inputs::tail
