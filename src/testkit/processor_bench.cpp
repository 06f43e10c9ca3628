#include "testkit/processor_bench.h"

#include <algorithm>

#include "tailrace/check.h"

namespace tailrace::testkit {

namespace {

class TestReceipt final : public Receipt {
 public:
  TestReceipt() noexcept : Receipt(false, true) {}

 private:
  void released(Outcome) noexcept override {}
};

class Collector final : public Next {
 public:
  explicit Collector(const Receipt* receipt) : receipt_(receipt) {}
  void push(Batch& batch) noexcept override {
    auto* logs = batch_cast<LogBatch>(batch);
    TR_CHECK(logs != nullptr);
    TR_CHECK(logs->size > 0);
    TR_CHECK(logs->receipt == receipt_);
    pushed += logs->weight();
    ++batches;
    for (LogRecord& record : copy_records(*logs)) {
      records.push_back(std::move(record));
    }
  }
  void filtered(Weight weight) noexcept override { dropped += weight; }
  void refuse(Weight weight, std::string_view, std::string_view) noexcept override {
    dropped += weight;
  }

  std::vector<LogRecord> records;
  Weight pushed;
  Weight dropped;
  size_t batches = 0;

 private:
  const Receipt* receipt_;
};

}  // namespace

double counter_value(MetricsRegistry& registry, std::string_view name, const MetricLabels& labels) {
  return sum_of(registry.read(), name, labels);
}

double sum_of(const std::vector<MetricsRegistry::Family>& families, std::string_view name,
              const MetricLabels& labels) {
  double sum = 0;
  for (const auto& family : families) {
    if (family.name != name && family.name != "tailrace_" + std::string(name)) {
      continue;
    }
    for (const auto& sample : family.samples) {
      const bool wanted = std::ranges::all_of(labels, [&](const auto& label) {
        return std::ranges::find(sample.labels, label) != sample.labels.end();
      });
      sum += wanted ? sample.value : 0;
    }
  }
  return sum;
}

ProcessorBench::ProcessorBench(const PluginDescriptor& plugin, std::shared_ptr<const void> config)
    : metrics_(registry_.scope(0, {{"component", "under_test"}})) {
  auto made = plugin.make_processor(std::move(config), *this);
  if (made) {
    processor_ = std::move(*made);
  } else {
    error_ = made.error().message;
  }
}

std::vector<LogRecord> ProcessorBench::run(std::map<std::string, std::string> labels,
                                           std::vector<LogRecord> records) {
  TR_CHECK(processor_ != nullptr);
  lane_.arena().reset();
  LogBatchOf input(lane_.labels(), lane_.arena(), std::move(labels), std::move(records));
  TestReceipt receipt;
  input.batch().receipt = &receipt;
  const Weight before = input.batch().weight();
  Collector collector(&receipt);
  processor_->process(input.batch(), collector);
  TR_CHECK(collector.pushed + collector.dropped == before);
  batches_ = collector.batches;
  filtered_ = collector.dropped;
  return std::move(collector.records);
}

std::vector<LogRecord> ProcessorBench::run_lines(const std::vector<std::string>& bodies,
                                                 std::map<std::string, std::string> labels) {
  std::vector<LogRecord> records;
  for (const std::string& body : bodies) {
    LogRecord& record = records.emplace_back();
    record.body = body;
    record.timestamp = static_cast<int64_t>(records.size());
  }
  return run(std::move(labels), std::move(records));
}

}  // namespace tailrace::testkit
