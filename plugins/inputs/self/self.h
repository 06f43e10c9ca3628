#pragma once

#include <memory>

#include "tailrace/input.h"

#include "plugins/inputs/self/self_config.h"
#include "plugins/inputs/self/series_builder.h"

namespace tailrace::inputs::self {

/// The agent's own metrics, once an interval.
///
/// Shape:    what /metrics of the admin page shows, as one MetricBatch (more where there are very
///           many series).
/// Lane:     the first one reads for all; the others bring their gauges up to date.
/// Errors:   without credit a reading is left out and counted as lost.
class SelfInput final : public Input {
 public:
  SelfInput(std::shared_ptr<const SelfConfig> config, InputContext& context);

  void start() override { tick(); }
  void stop() override { timer_->stop(); }
  void on_credit() override {}  // the next reading comes by the clock

 private:
  void tick();
  void read_and_push();

  std::shared_ptr<const SelfConfig> config_;
  InputContext& context_;
  SeriesBuilder builder_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace tailrace::inputs::self
