#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "tailrace/plugin.h"

#include "codec/proto_writer.h"
#include "codec/snappy.h"
#include "plugins/common/loki/entry_writer.h"
#include "plugins/inputs/loki_push/loki_push_config.h"
#include "testkit/fake_listeners.h"
#include "testkit/log_records.h"
#include "testkit/manual_lane.h"
#include "testkit/processor_bench.h"
#include "testkit/test_memory.h"

namespace tailrace {
extern const PluginDescriptor inputs_loki_push_plugin;
}

namespace tailrace::inputs::loki_push::test {

inline std::string field(uint32_t number, std::string_view content) {
  std::string out(codec::bytes_field_size(number, content.size()), '\0');
  codec::write_bytes_field(out.data(), number, content);
  return out;
}

inline std::string entry(int64_t timestamp, std::string_view line,
                         std::vector<MetaPair> metadata = {}) {
  namespace loki = tailrace::loki;
  const MetaSpan span{metadata.data(), static_cast<uint32_t>(metadata.size())};
  std::string out(loki::EntryWriter::entry_bound(line, {}, span) + loki::kWriteSlack, '\0');
  loki::EntryWriter writer;
  out.resize(static_cast<size_t>(writer.write(out.data(), timestamp, line, {}, span) - out.data()));
  return out;
}

inline std::string stream(std::string_view labels, std::string_view entries) {
  return field(1, field(1, labels) + std::string(entries));
}

inline std::string snappied(std::string_view body) {
  return std::string(codec::snappy_compress({&body, 1}).view());
}

inline const Headers kProtobuf = {{"content-type", "application/x-protobuf"}};
inline const Headers kJson = {{"content-type", "application/json"}};

/// The input with a network, a memory and pipelines of the test's making.
class PushBench final : public InputContext {
 public:
  explicit PushBench(LokiPushConfig config = {}, bool once = false) : once_(once) {
    if (config.listen.empty()) {
      config.listen = "127.0.0.1:0";
    }
    auto made = inputs_loki_push_plugin.make_input(
        std::make_shared<const LokiPushConfig>(std::move(config)), *this);
    REQUIRE(made);
    input_ = std::move(*made);
    REQUIRE(input_->open());
    input_->start();
  }
  ~PushBench() override {
    end();
    CHECK(memory_.used == 0);
  }
  /// Destroys the input.
  void end() { input_.reset(); }

  /// Pushes a body; the answer is there when the outcome of the body is.
  std::shared_ptr<const testkit::FakeAnswer> post(std::string_view body,
                                                  const Headers& headers = kProtobuf,
                                                  std::string path = "/loki/api/v1/push") {
    auto answer = listeners.post(std::move(path), body, headers);
    lane_.turn();
    return answer;
  }
  /// Lets go of all receipts, with this outcome.
  void settle(Outcome outcome = Outcome::settled, std::string_view reason = {}) {
    for (ReceiptRef& receipt : feed_.receipts) {
      receipt->report(outcome, reason);
    }
    feed_.receipts.clear();
    lane_.turn();
  }
  double count(std::string_view name, const MetricLabels& labels = {}) {
    return testkit::counter_value(registry_, name, labels);
  }

  struct TestFeed final : Feed {
    bool has_credit = true;
    bool settles = true;
    bool may_settle() const override { return settles; }
    std::vector<size_t> asked;
    std::vector<testkit::LogRecord> records;
    std::vector<size_t> batches;  // their sizes
    std::vector<ReceiptRef> receipts;
    size_t units = 0;
    bool credit(size_t bytes) override {
      asked.push_back(bytes);
      return has_credit;
    }
    void begin_unit() override { ++units; }
    void push(Batch& batch) noexcept override {
      const auto& logs = static_cast<const LogBatch&>(batch);
      batches.push_back(logs.size);
      for (auto& record : testkit::copy_records(logs)) {
        records.push_back(std::move(record));
      }
      if (batch.receipt != nullptr) {
        CHECK(batch.receipt->awaited());
        CHECK_FALSE(batch.receipt->rereadable());
        receipts.emplace_back(batch.receipt);
      }
    }
    void carry(Weight) noexcept override { FAIL("nothing is carried"); }
    void filtered(Weight, bool) noexcept override { FAIL("nothing is filtered"); }
    void lost(Weight, std::string_view, bool) noexcept override { FAIL("nothing is lost"); }
  };

  testkit::FakeListeners listeners;
  TestFeed& test_feed() { return feed_; }
  testkit::TestMemory& test_memory() { return memory_; }
  Input& input() { return *input_; }
  bool is_finished() const { return finished_; }

  const std::string& name() const noexcept override { return name_; }
  testkit::ManualLane& lane() noexcept override { return lane_; }
  Feed& feed() noexcept override { return feed_; }
  Checkpoints& checkpoints() noexcept override { std::abort(); }
  MemoryAccount& memory() noexcept override { return memory_; }
  Metrics& metrics() noexcept override { return metrics_; }
  const Log& log() noexcept override { return log_; }
  bool once() const noexcept override { return once_; }
  void finished() override { finished_ = true; }
  Result<std::unique_ptr<Channel>> http_channel(const HttpClientConfig&) override {
    return fail(ErrorCode::unsupported, "a receiver has no client");
  }
  Result<std::unique_ptr<HttpServer>> http_server(const HttpServerConfig& config,
                                                  HttpHandler& handler) override {
    return listeners.listen(lane_, config, handler, true);
  }

 private:
  std::string name_ = "under_test";
  bool once_;
  bool finished_ = false;
  testkit::ManualLane lane_;
  MetricsRegistry registry_;
  Metrics& metrics_ = registry_.scope(0, {{"component", "under_test"}});
  Log log_{"input.under_test"};
  testkit::TestMemory memory_;
  TestFeed feed_;
  std::unique_ptr<Input> input_;
};

}  // namespace tailrace::inputs::loki_push::test
