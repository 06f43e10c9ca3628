#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/check.h"
#include "tailrace/plugin.h"

#include "base/metrics_registry.h"
#include "testkit/manual_lane.h"
#include "testkit/stage_under_test.h"
#include "testkit/test_memory.h"

namespace tailrace::testkit {

/// A converter, or a processor of any form, on its own: a batch goes in, batches come out, and the
/// weights must add up.
class ConverterBench final : public ConverterContext {
 public:
  template <class Config>
  ConverterBench(const PluginDescriptor& plugin, Config config)
      : stage_(plugin, std::make_shared<const Config>(std::move(config)), *this) {}

  /// What happened to the batch: weights, and the reasons of refusals.
  struct Result {
    Weight pushed;
    Weight filtered;
    Weight refused;
    std::vector<std::string> reasons;
    size_t batches = 0;
  };
  /// Runs one batch through, as one unit; `on_push` sees each batch that comes out. Ends the
  /// process when weights or receipts went astray.
  Result run(Batch& batch, const std::function<void(Batch&)>& on_push) {
    Collector collector(batch.receipt, on_push);
    const Weight before = batch.weight();
    stage_.run(batch, collector);
    const Result& result = collector.result;
    TR_CHECK(result.pushed + result.filtered + result.refused == before);
    return result;
  }

  const std::string& name() const noexcept override { return name_; }
  ManualLane& lane() noexcept override { return lane_; }
  TestMemory& memory() noexcept override { return memory_; }
  Metrics& metrics() noexcept override { return metrics_; }
  const Log& log() noexcept override { return log_; }

 private:
  class Collector final : public Next {
   public:
    Collector(const Receipt* receipt, const std::function<void(Batch&)>& on_push)
        : receipt_(receipt), on_push_(on_push) {}
    void push(Batch& batch) noexcept override {
      TR_CHECK(batch.receipt == receipt_);
      result.pushed += batch.weight();
      ++result.batches;
      on_push_(batch);
    }
    void filtered(Weight weight) noexcept override { result.filtered += weight; }
    void refuse(Weight weight, std::string_view reason, std::string_view) noexcept override {
      result.refused += weight;
      result.reasons.emplace_back(reason);
    }
    Result result;

   private:
    const Receipt* receipt_;
    const std::function<void(Batch&)>& on_push_;
  };

  std::string name_ = "under_test";
  ManualLane lane_;
  TestMemory memory_;
  MetricsRegistry registry_;
  Metrics& metrics_ = registry_.scope(0, {{"component", "under_test"}});
  Log log_{"under_test"};
  StageUnderTest stage_;  // goes first: it may hold label sets of the lane
};

}  // namespace tailrace::testkit
