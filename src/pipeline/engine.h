#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tailrace/channel.h"
#include "tailrace/grpc.h"
#include "tailrace/http.h"
#include "tailrace/input.h"
#include "tailrace/lane.h"

#include "base/metrics_registry.h"
#include "config/agent_config.h"
#include "delivery/budget.h"
#include "delivery/output_lane.h"
#include "delivery/spool.h"
#include "loop/file_layer.h"
#include "pipeline/checkpoint_store.h"

namespace tailrace::pipeline {

class LaneEngine;

/// Where the engine gets its connections from; the tests give it fakes.
class NetFactory {
 public:
  virtual ~NetFactory() = default;
  virtual Result<std::unique_ptr<Channel>> http_channel(Lane& lane, const HttpClientConfig& config,
                                                        Metrics& metrics) = 0;
  virtual Result<std::unique_ptr<HttpServer>> http_server(Lane& lane,
                                                          const HttpServerConfig& config,
                                                          HttpHandler& handler,
                                                          bool share_port) = 0;
  virtual Result<std::unique_ptr<Channel>> grpc_channel(Lane&, const HttpClientConfig&,
                                                        const GrpcClientConfig&, Metrics&) {
    return fail(ErrorCode::unsupported, "gRPC is not available here");
  }
  /// Called once per lane with one `owner` and config: all share what the first one opened.
  /// `memory` (of any thread) is asked before a message is read.
  virtual Result<std::unique_ptr<HttpServer>> grpc_server(Lane&, const std::string& /*owner*/,
                                                          const GrpcServerConfig&, MemoryAccount&,
                                                          HttpHandler&) {
    return fail(ErrorCode::unsupported, "gRPC is not available here");
  }
};

struct EngineOptions {
  bool once = false;
  std::chrono::milliseconds checkpoint_interval{1000};
  uint64_t spool_segment_bytes = 8ull << 20;
};

/// What all lanes share. Made before they run, destroyed after they have stopped.
struct EngineShared {
  const config::AgentConfig& config;
  EngineOptions options;
  MetricsRegistry& registry;
  NetFactory& net;
  loop::FileLayer& files;
  delivery::SpoolThread spool_thread;
  std::unique_ptr<CheckpointStore> checkpoints;
  std::map<std::string, std::unique_ptr<delivery::OutputShared>> outputs;
  std::unique_ptr<delivery::MemoryPool> input_memory;
  /// Ports that port 0 became, so that all lanes listen on one: (input, listen) -> port.
  std::map<std::pair<std::string, std::string>, uint16_t> ports;
  size_t lane_count = 1;
};

/// One picture of one lane, for the admin page.
struct LaneSnapshot {
  std::vector<delivery::Ledger::Row> ledger;
  std::vector<std::pair<std::string, SourceStatus>> sources;    // (input, row)
  std::vector<std::pair<std::string, std::string>> complaints;  // (output, what is wrong)
  std::vector<std::pair<std::string, TargetStatus>> targets;    // (input, row); only when asked for
};

/// What a picture shows besides what is cheap to tell.
enum class SnapshotDetail : uint8_t { usual, targets };

/// Inputs, processors and outputs as the config joins them, on every lane; state on disk; start
/// and stop. Knows no signal and no protocol.
///
/// Lifecycle: open() on the main thread before the lanes run; start(); later begin_stop(), whose
///            `done` runs on a lane when all is delivered or durable; then the lanes are stopped,
///            then close() on the main thread, then destruction.
class Engine {
 public:
  Engine(const config::AgentConfig& config, EngineOptions options, std::vector<Lane*> lanes,
         loop::FileLayer& files, NetFactory& net, MetricsRegistry& registry);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Status open();
  void start();
  /// Under `once`: `done` runs, on some lane, when every input has read all there is and every
  /// output has delivered all it was given.
  void on_finished(std::function<void()> done) { on_finished_ = std::move(done); }
  void begin_stop(std::chrono::milliseconds grace, std::function<void()> done);
  /// After the lanes have stopped: writes the last checkpoints.
  Status close();

  /// Gathers a picture of all lanes; `done` runs on the last lane that answered. Also brings all
  /// gauges up to date.
  void snapshot(std::function<void(std::vector<LaneSnapshot>)> done,
                SnapshotDetail detail = SnapshotDetail::usual);
  /// Records dropped, refused or lost so far, for the exit status of `once`.
  uint64_t records_given_up();
  const EngineShared& shared() const noexcept { return *shared_; }

 private:
  Status open_outputs();
  void share_memory();

  std::unique_ptr<EngineShared> shared_;
  std::vector<Lane*> lanes_;
  std::vector<std::unique_ptr<LaneEngine>> lane_engines_;
  std::map<std::string, std::vector<delivery::RecoveredRecord>> recovered_;
  std::function<void()> on_finished_;
  std::atomic<size_t> lanes_left_{0};
};

}  // namespace tailrace::pipeline
