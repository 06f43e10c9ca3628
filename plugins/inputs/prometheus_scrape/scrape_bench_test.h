#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "tailrace/input.h"
#include "tailrace/metric_batch.h"
#include "tailrace/plugin.h"

#include "plugins/common/prom/scrape_config.h"
#include "testkit/config_text.h"
#include "testkit/fake_net.h"
#include "testkit/manual_lane.h"
#include "testkit/processor_bench.h"
#include "testkit/test_memory.h"

namespace tailrace {
extern const PluginDescriptor inputs_prometheus_scrape_plugin;
}

/// For tests only: the input with targets, pipelines and checkpoints in the test's hands.
namespace tailrace::inputs::prometheus_scrape::test {

/// One job with one target that is scraped every second.
inline constexpr const char* kOneTarget = R"(
scrape_configs:
  - job_name: app
    scrape_interval: 1s
    scrape_timeout: 500ms
    static_configs: [{targets: ["a:80"]}]
)";
inline const std::string kTargetUrl = "http://a:80/metrics";

/// The value of a header, or "".
inline std::string header_of(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

struct Sample {
  int64_t timestamp = 0;
  uint64_t value = 0;
  friend bool operator==(const Sample&, const Sample&) = default;
};

/// "name{a=b,c=d}"
inline std::string name_of(const MetricSeries& series) {
  std::string name;
  std::string labels;
  for (const Label& label : EncodedLabels(series.encoded_labels)) {
    if (label.name == "__name__") {
      name = label.value;
    } else {
      labels +=
          (labels.empty() ? "" : ",") + std::string(label.name) + "=" + std::string(label.value);
    }
  }
  return name + "{" + labels + "}";
}

/// What survives the agent: its checkpoint rows.
using Rows = std::map<std::string, std::string>;

class ScrapeBench final : public InputContext {
 public:
  /// `yaml`: the input's options. `run`: turns the lane once the input has started.
  explicit ScrapeBench(std::string_view yaml, Rows rows = {}, bool once = false, uint32_t lane = 0,
                       uint32_t lanes = 1)
      : once_(once), lane_(lane, lanes), checkpoints_(std::move(rows)) {
    auto read = testkit::read_config<common::prom::ScrapeOptions>(
        common::prom::scrape_options_schema(), yaml);
    for (const std::string& error : read.errors()) {
      FAIL(error);
    }
    server.behaviour = [this](const testkit::FakeServer::Seen& seen) { return answer(seen); };
    auto made = inputs_prometheus_scrape_plugin.make_input(
        std::make_shared<const common::prom::ScrapeOptions>(std::move(read.config)), *this);
    REQUIRE(made);
    input_ = std::move(*made);
    REQUIRE(input_->open());
  }
  ~ScrapeBench() override {
    input_.reset();
    CHECK(memory_.used == 0);
  }

  void start() {
    input_->start();
    lane_.turn();
  }
  void advance(std::chrono::milliseconds by) { lane_.advance(by); }
  /// Tells the input that there is room again.
  void give_credit() {
    feed_.has_credit = true;
    input_->on_credit();
    lane_.turn();
  }
  double count(std::string_view name, const std::string& label = {}) {
    double sum = 0;
    for (const auto& family : registry_.read()) {
      if (family.name != "tailrace_" + std::string(name)) {
        continue;
      }
      for (const auto& sample : family.samples) {
        bool is_it = label.empty();
        for (const auto& [key, value] : sample.labels) {
          is_it = is_it || value == label;
        }
        sum += is_it ? sample.value : 0;
      }
    }
    return sum;
  }

  struct TestFeed final : Feed {
    bool has_credit = true;
    size_t credit_for = SIZE_MAX;  ///< Calls of credit() that are granted before it ends.
    size_t units = 0;
    std::map<std::string, std::vector<Sample>> samples;
    bool credit(size_t bytes) override {
      CHECK(bytes <= kMaxBlockBytes);
      if (has_credit && credit_for > 0) {
        credit_for -= credit_for == SIZE_MAX ? 0 : 1;
        return true;
      }
      return false;
    }
    void begin_unit() override { ++units; }
    void push(Batch& batch) noexcept override {
      const auto& metrics = static_cast<const MetricBatch&>(batch);
      CHECK(metrics.receipt == nullptr);
      CHECK(metrics.records() <= kMaxUnitRecords);
      for (uint32_t i = 0; i < metrics.size; ++i) {
        samples[name_of(*metrics.series[i])].push_back({metrics.timestamps[i], metrics.values[i]});
      }
    }
    void carry(Weight) noexcept override { FAIL("nothing is carried"); }
    void filtered(Weight, bool) noexcept override { FAIL("nothing is filtered"); }
    void lost(Weight, std::string_view, bool) noexcept override { FAIL("nothing is lost"); }
  };
  struct TestCheckpoints final : Checkpoints {
    explicit TestCheckpoints(Rows rows) : rows(std::move(rows)) {
      for (const auto& row : this->rows) {
        start.push_back(row);
      }
    }
    Rows rows;
    std::vector<std::pair<std::string, std::string>> start;
    size_t writes = 0;
    const std::vector<std::pair<std::string, std::string>>& at_start() const override {
      return start;
    }
    void put(std::string key, std::string value) override {
      ++writes;
      rows[std::move(key)] = std::move(value);
    }
    void erase(std::string key) override { rows.erase(key); }
    void put_durable(std::string, std::string, std::function<void()>) override {
      FAIL("nothing needs to be durable at once");
    }
  };

  /// What targets answer, by URL; a URL that is not here hangs.
  std::map<std::string, CallResult> pages;
  void set_page(const std::string& url, std::string text,
                const std::string& type = "text/plain; version=0.0.4") {
    pages[url] = testkit::FakeServer::status(200, std::move(text), {{"content-type", type}});
  }

  testkit::FakeServer server;
  TestFeed& test_feed() { return feed_; }
  testkit::TestMemory& test_memory() { return memory_; }
  TestCheckpoints& test_checkpoints() { return checkpoints_; }
  Input& input() { return *input_; }
  bool is_finished() const { return finished_; }

  /// The samples of a series; none if it never came.
  const std::vector<Sample>& of(const std::string& series) { return feed_.samples[series]; }
  /// The last value of a series.
  double last(const std::string& series) {
    const auto& samples = of(series);
    REQUIRE_MESSAGE(!samples.empty(), "no samples of " << series);
    return std::bit_cast<double>(samples.back().value);
  }
  bool ends_stale(const std::string& series) {
    const auto& samples = of(series);
    return !samples.empty() && samples.back().value == kStaleNan;
  }

  const std::string& name() const noexcept override { return name_; }
  testkit::ManualLane& lane() noexcept override { return lane_; }
  Feed& feed() noexcept override { return feed_; }
  Checkpoints& checkpoints() noexcept override { return checkpoints_; }
  MemoryAccount& memory() noexcept override { return memory_; }
  Metrics& metrics() noexcept override { return metrics_; }
  const Log& log() noexcept override { return log_; }
  bool once() const noexcept override { return once_; }
  void finished() override { finished_ = true; }
  Result<std::unique_ptr<Channel>> http_channel(const HttpClientConfig&) override {
    return server.channel(lane_);
  }
  Result<std::unique_ptr<HttpServer>> http_server(const HttpServerConfig&, HttpHandler&) override {
    return fail(ErrorCode::unsupported, "a scraper listens nowhere");
  }

 private:
  std::optional<CallResult> answer(const testkit::FakeServer::Seen& seen) {
    const auto found = pages.find(seen.url);
    if (found == pages.end()) {
      return std::nullopt;
    }
    return found->second;
  }

  std::string name_ = "under_test";
  bool once_;
  bool finished_ = false;
  testkit::ManualLane lane_;
  MetricsRegistry registry_;
  Metrics& metrics_ = registry_.scope(0, {{"component", "under_test"}});
  Log log_{"input.under_test"};
  testkit::TestMemory memory_;
  TestFeed feed_;
  TestCheckpoints checkpoints_;
  std::unique_ptr<Input> input_;
};

}  // namespace tailrace::inputs::prometheus_scrape::test
