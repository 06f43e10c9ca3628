// PluginHarness: processors.

#include <cstring>

#include <doctest/doctest.h>

#include "tailrace/block.h"
#include "tailrace/log_batch.h"

#include "base/metrics_registry.h"
#include "testkit/plugin_harness.h"

namespace tailrace::testkit {

namespace {

class Host final : public ProcessorContext {
 public:
  const std::string& name() const noexcept override { return name_; }
  ManualLane& lane() noexcept override { return lane_; }
  Metrics& metrics() noexcept override { return metrics_; }
  const Log& log() noexcept override { return log_; }

 private:
  std::string name_ = "under_test";
  ManualLane lane_;
  MetricsRegistry registry_;
  Metrics& metrics_ = registry_.scope(0, {{"component", "under_test"}});
  Log log_{"processor.under_test"};
};

class UnitReceipt final : public Receipt {
 public:
  UnitReceipt() noexcept : Receipt(false, true) {}

 private:
  void released(Outcome) noexcept override {}
};

/// Collects what is pushed, as text; touches every byte that the contract promises.
class Sink final : public Next {
 public:
  Sink(const Describe& describe, const Receipt& receipt) : describe_(describe), receipt_(receipt) {}

  void push(Batch& batch) noexcept override {
    pushed += batch.weight();
    if (batch.receipt != &receipt_) {
      lost_receipt = true;
    }
    if (const auto* logs = batch_cast<LogBatch>(batch)) {
      empty_batch = empty_batch || logs->size == 0;
      for (uint32_t i = 0; i < logs->size; ++i) {
        touch_padding(logs->bodies[i]);
      }
    }
    text += describe_(batch) + "--\n";
  }
  void filtered(Weight weight) noexcept override { left_out += weight; }

  std::string text;
  Weight pushed;
  Weight left_out;
  bool lost_receipt = false;
  bool empty_batch = false;

 private:
  /// Under AddressSanitizer this ends the test when the padding is not there.
  static void touch_padding(std::string_view body) noexcept {
    if (!body.empty()) {
      char copy[kBlockPadding];
      std::memcpy(copy, body.data() + body.size(), sizeof copy);
      volatile char sink = copy[kBlockPadding - 1];
      static_cast<void>(sink);
    }
  }
  const Describe& describe_;
  const Receipt& receipt_;
};

/// Runs one sample as one unit and checks what must always hold. Gives what came out, as text.
std::string run(Host& host, Processor& processor, const Sample& sample, const Describe& describe) {
  INFO("sample " << sample.name);
  std::string out;
  host.lane().arena().reset();
  sample.with(host.lane(), [&](Batch& batch) {
    const auto* logs = batch_cast<LogBatch>(batch);
    const bool had_records = logs == nullptr || logs->size > 0;
    UnitReceipt receipt;
    const ReceiptRef held(&receipt);
    batch.receipt = &receipt;
    const Weight before = batch.weight();
    // The bytes that the bodies point to, to see that nobody edits them.
    std::vector<std::pair<std::string_view, std::string>> bytes;
    if (logs != nullptr) {
      for (uint32_t i = 0; i < logs->size; ++i) {
        bytes.emplace_back(logs->bodies[i], std::string(logs->bodies[i]));
      }
    }
    Sink sink(describe, receipt);
    processor.process(batch, sink);
    CHECK(sink.pushed + sink.left_out == before);
    CHECK(!sink.lost_receipt);
    CHECK(!(had_records && sink.empty_batch));
    for (const auto& [view, copy] : bytes) {
      CHECK(view == copy);
    }
    out = std::move(sink.text);
  });
  return out;
}

}  // namespace

void PluginHarness::check_processor(const Samples& samples, const Describe& describe) const {
  REQUIRE((plugin_.kind == ComponentKind::processor));
  const auto options = config();
  Host first_host;
  auto first = plugin_.make_processor(options, first_host);
  REQUIRE(first);
  std::vector<std::string> results;
  for (const Sample& sample : samples) {
    results.push_back(run(first_host, **first, sample, describe));
  }
  // The same records at another time, after other records, on a new instance: the same result.
  first_host.lane().advance(std::chrono::hours(1));
  Host second_host;
  second_host.lane().advance(std::chrono::hours(50));
  auto second = plugin_.make_processor(options, second_host);
  REQUIRE(second);
  for (size_t i = samples.size(); i-- > 0;) {
    INFO("sample " << samples[i].name);
    CHECK(run(first_host, **first, samples[i], describe) == results[i]);
    CHECK(run(second_host, **second, samples[i], describe) == results[i]);
  }
}

}  // namespace tailrace::testkit
