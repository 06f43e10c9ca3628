#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tailrace/lane.h"

#include "delivery/ledger.h"
#include "delivery/output_lane.h"
#include "pipeline/engine.h"
#include "pipeline/feed.h"

namespace tailrace::pipeline {

/// Everything of one lane: its instances of all components, its books, its part of start and stop.
class LaneEngine {
 public:
  LaneEngine(Lane& lane, EngineShared& shared);
  ~LaneEngine();
  LaneEngine(const LaneEngine&) = delete;
  LaneEngine& operator=(const LaneEngine&) = delete;

  /// Makes all components. Main thread.
  Status build();
  /// Hands what was found in the spools to this lane. Main thread, after build.
  void adopt(const std::string& output, std::vector<delivery::RecoveredRecord> records);
  /// Opens ports and the like. Main thread.
  Status open();

  // From here on: the lane.
  void start();
  void on_finished(std::function<void()> done) { on_finished_ = std::move(done); }
  void begin_stop(std::chrono::milliseconds grace, std::function<void()> done);
  LaneSnapshot snapshot(SnapshotDetail detail);
  /// Brings the gauges of this lane's inputs and outputs up to date.
  void update_gauges();
  const delivery::Ledger& ledger() const noexcept { return ledger_; }

 private:
  class InputHost;
  struct OutputHost;
  struct Route;
  class StageHost;

  Status build_outputs();
  Status build_pipelines();
  Status build_route(const config::PipelineConfig& pipeline, const config::RouteConfig& plan,
                     const std::vector<Processor*>& processors);
  Result<Converter*> make_converter(const config::ConversionConfig& conversion,
                                    const std::string& owner);
  Status build_inputs();
  void wake_starved();
  void input_finished();
  void watch_finish();
  void watch_stop();

  Lane& lane_;
  EngineShared& shared_;
  delivery::Ledger ledger_;
  std::map<std::string, std::unique_ptr<OutputHost>> outputs_;
  std::vector<std::unique_ptr<StageHost>> stages_;
  std::map<const config::RouteConfig*, std::unique_ptr<Route>> routes_;
  std::vector<std::unique_ptr<InputHost>> inputs_;
  size_t inputs_unfinished_ = 0;
  std::function<void()> on_finished_;

  std::unique_ptr<Timer> stop_timer_;
  int64_t stop_deadline_ns_ = 0;
  size_t outputs_stopping_ = 0;
  std::function<void()> on_stopped_;
  std::unique_ptr<Timer> finish_timer_;
};

}  // namespace tailrace::pipeline
