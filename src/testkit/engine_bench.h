#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics_registry.h"
#include "config/agent_config.h"
#include "delivery/ledger.h"
#include "loop/file_layer.h"
#include "pipeline/engine.h"
#include "testkit/fake_net.h"
#include "testkit/killable_files.h"
#include "testkit/manual_lane.h"

namespace tailrace::testkit {

struct EngineBenchOptions {
  bool once = false;
  std::chrono::milliseconds checkpoint_interval{10};
  uint64_t spool_segment_bytes = 64 * 1024;
  FakeServer::Behaviour behaviour;  ///< From the start on; null = 204.
};

/// A whole agent in the test's thread: the engine on lanes that the test turns, a network that it
/// plays, and a disk that it gives. Only the spool and the checkpoint store have threads of their
/// own, as always.
///
/// Time is the lanes' and moves when told; what the threads do takes real time, so a test waits for
/// conditions: REQUIRE(bench.until([&] { return …; })).
///
/// At its end, however that comes, the books must close and the ledger must have raised no error;
/// what was not stopped is killed. A second bench on the same files is the next run of the agent.
class EngineBench {
 public:
  /// Errors in the config fail the test. `agent.state_dir` is /state where the text names none.
  /// The engine is open and started.
  EngineBench(std::string_view yaml, config::PluginTable plugins, loop::FileLayer& files,
              EngineBenchOptions options = {});
  ~EngineBench();
  EngineBench(const EngineBench&) = delete;
  EngineBench& operator=(const EngineBench&) = delete;

  FakeServer& server() noexcept { return server_; }
  FakeNet& net() noexcept { return net_; }
  ManualLane& lane(size_t i = 0) { return *lanes_.at(i); }
  pipeline::Engine& engine() noexcept { return *engine_; }

  /// Runs what is ready on all lanes, until nothing is.
  void turn();
  /// Lets time pass on all lanes together.
  void advance(std::chrono::milliseconds by);
  /// Turns, and lets time pass (10 ms per millisecond of real time), until `reached`. False after
  /// half a minute of real time.
  [[nodiscard]] bool until(const std::function<bool()>& reached);
  /// Until every record that was taken is delivered, refused, dropped or filtered.
  [[nodiscard]] bool settle();

  /// SIGTERM: stops as the agent does and closes the engine. `grace` passes on the lanes.
  Status stop(std::chrono::milliseconds grace = std::chrono::seconds(1));
  /// kill -9: nothing more is written or sent.
  void kill();
  /// Under `once`: everything was read and delivered.
  bool finished() const noexcept { return finished_; }

  /// All accounts, lanes added up. Turns the lanes.
  std::vector<delivery::Ledger::Row> ledger_rows();
  /// The account of these names; an empty one if there is none.
  delivery::Ledger::Row row(std::string_view input, std::string_view pipeline,
                            std::string_view output);
  /// The sum of a metric over all series with these labels; name with or without `tailrace_`.
  double metric(std::string_view name, const MetricLabels& labels = {});
  /// All metrics, read now.
  std::vector<MetricsRegistry::Family> families() { return registry_.read(); }
  /// For tests that lose records on purpose.
  void expect_ledger_errors(double count) noexcept { expected_ledger_errors_ = count; }

 private:
  void check_books();
  void end();

  config::AgentConfig config_;
  KillableFiles files_;
  MetricsRegistry registry_;
  FakeServer server_;
  FakeNet net_{server_};
  std::vector<std::unique_ptr<ManualLane>> lanes_;
  std::unique_ptr<pipeline::Engine> engine_;
  bool running_ = false;
  bool finished_ = false;
  double expected_ledger_errors_ = 0;
  std::vector<MetricsRegistry::Family> last_metrics_;  // when the engine has gone
};

/// Sum of what waits, over all stages.
Weight waiting_of(const delivery::Ledger::Row& row) noexcept;

}  // namespace tailrace::testkit
