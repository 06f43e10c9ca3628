#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/plugin.h"
#include "tailrace/processor.h"

#include "base/metrics_registry.h"
#include "testkit/log_records.h"
#include "testkit/manual_lane.h"
#include "testkit/test_memory.h"

namespace tailrace::testkit {

/// The sum of a counter or gauge over all series that have these labels (among others); name with
/// or without `tailrace_`.
double sum_of(const std::vector<MetricsRegistry::Family>& families, std::string_view name,
              const MetricLabels& labels = {});
/// The same, read now.
double counter_value(MetricsRegistry& registry, std::string_view name,
                     const MetricLabels& labels = {});

/// A processor on its own: batches go in, records come out, and the weights must add up.
class ProcessorBench final : public ProcessorContext {
 public:
  /// `config` is the plugin's own config struct.
  ProcessorBench(const PluginDescriptor& plugin, std::shared_ptr<const void> config);
  template <class Config>
  ProcessorBench(const PluginDescriptor& plugin, Config config)
      : ProcessorBench(plugin, std::shared_ptr<const void>(
                                   std::make_shared<const Config>(std::move(config)))) {}

  /// Why the processor could not be made, or "".
  const std::string& error() const noexcept { return error_; }

  /// Runs one batch through, as one unit. Ends the process when weights or receipts went astray.
  std::vector<LogRecord> run(std::map<std::string, std::string> labels,
                             std::vector<LogRecord> records);
  /// The same with bodies only; their timestamps are 1, 2, 3 …
  std::vector<LogRecord> run_lines(const std::vector<std::string>& bodies,
                                   std::map<std::string, std::string> labels = {{"app", "a"}});
  /// Number of batches and filtered weight of the last run.
  size_t batches() const noexcept { return batches_; }
  Weight filtered() const noexcept { return filtered_; }
  double count(std::string_view name, const MetricLabels& labels = {}) {
    return counter_value(registry_, name, labels);
  }

  const std::string& name() const noexcept override { return name_; }
  ManualLane& lane() noexcept override { return lane_; }
  TestMemory& memory() noexcept override { return memory_; }
  Metrics& metrics() noexcept override { return metrics_; }
  const Log& log() noexcept override { return log_; }
  Processor& processor() noexcept { return *processor_; }

 private:
  std::string name_ = "under_test";
  ManualLane lane_;
  TestMemory memory_;
  MetricsRegistry registry_;
  Metrics& metrics_;
  Log log_{"processor.under_test"};
  std::string error_;
  size_t batches_ = 0;
  Weight filtered_;
  std::unique_ptr<Processor> processor_;  // goes first: it may hold label sets of the lane
};

}  // namespace tailrace::testkit
