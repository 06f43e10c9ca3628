// PluginHarness: processors and converters.

#include <cstring>

#include <doctest/doctest.h>

#include "tailrace/block.h"
#include "tailrace/log_batch.h"

#include "base/metrics_registry.h"
#include "testkit/plugin_harness.h"
#include "testkit/stage_under_test.h"
#include "testkit/test_memory.h"

namespace tailrace::testkit {

namespace {

class Host final : public ProcessorContext {
 public:
  const std::string& name() const noexcept override { return name_; }
  ManualLane& lane() noexcept override { return lane_; }
  TestMemory& memory() noexcept override { return memory_; }
  Metrics& metrics() noexcept override { return metrics_; }
  const Log& log() noexcept override { return log_; }

 private:
  std::string name_ = "under_test";
  ManualLane lane_;
  TestMemory memory_;
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
  void refuse(Weight weight, std::string_view reason, std::string_view) noexcept override {
    left_out += weight;
    text += "refused: " + std::string(reason) + "\n";
  }

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

/// What is tried, with all that it needs.
struct Subject {
  Subject(const PluginDescriptor& plugin, const std::shared_ptr<void>& options)
      : stage(plugin, options, host) {}
  Host host;
  StageUnderTest stage;
};

/// Runs one sample as one unit and checks what must always hold. Gives what came out, as text.
std::string run(Subject& subject, const Sample& sample, const Describe& describe) {
  INFO("sample " << sample.name);
  std::string out;
  subject.host.lane().arena().reset();
  sample.with(subject.host.lane(), [&](Batch& batch) {
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
    subject.stage.run(batch, sink);
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
  check_batches(samples, describe);
}

void PluginHarness::check_converter(const Samples& samples, const Describe& describe) const {
  REQUIRE((plugin_.kind == ComponentKind::converter));
  REQUIRE(plugin_.forms.size() == 1);
  CHECK((plugin_.converts_from->signal == plugin_.forms[0]->signal));
  CHECK(plugin_.growth >= 1);
  check_batches(samples, describe);
}

void PluginHarness::check_batches(const Samples& samples, const Describe& describe) const {
  const auto options = config();
  Subject first(plugin_, options);
  std::vector<std::string> results;
  for (const Sample& sample : samples) {
    results.push_back(run(first, sample, describe));
  }
  // The same records at another time, after other records, on a new instance: the same result.
  first.host.lane().advance(std::chrono::hours(1));
  Subject second(plugin_, options);
  second.host.lane().advance(std::chrono::hours(50));
  for (size_t i = samples.size(); i-- > 0;) {
    INFO("sample " << samples[i].name);
    CHECK(run(first, samples[i], describe) == results[i]);
    CHECK(run(second, samples[i], describe) == results[i]);
  }
}

}  // namespace tailrace::testkit
