#pragma once

#include <memory>

#include "tailrace/lane.h"

#include "base/metrics_registry.h"

namespace tailrace::cli {

/// The line that `run --once` keeps up to date on a terminal.
class Progress {
 public:
  /// Null when standard error is not a terminal.
  static std::unique_ptr<Progress> on_terminal(Lane& lane, MetricsRegistry& registry);
  ~Progress();

 private:
  Progress(Lane& lane, MetricsRegistry& registry);
  void draw();

  MetricsRegistry& registry_;
  int64_t started_ns_;
  const Clock& clock_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace tailrace::cli
