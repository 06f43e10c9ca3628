#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tailrace/output.h"
#include "tailrace/plugin.h"

#include "base/metrics_registry.h"
#include "testkit/log_records.h"
#include "testkit/manual_lane.h"

namespace tailrace::testkit {

/// A request that was sealed, with what the engine keeps beside it.
struct SealedRequest {
  std::string tenant;
  Bytes payload;
  std::vector<PartRange> parts;
  uint32_t format_version = 1;

  SealedView view(uint32_t attempt = 0) const {
    return {payload.view(), tenant, format_version, parts, attempt};
  }
};

/// An output on its own: batches go in, sealed requests come out and can be sent, one by one,
/// through the output's own channel. Ends the process when weights went astray.
class OutputBench final : public OutputContext, private Requests {
 public:
  /// `channel` is what http_channel() gives, once.
  OutputBench(const PluginDescriptor& plugin, std::shared_ptr<const void> config,
              size_t batch_bytes = 1 << 20, std::unique_ptr<Channel> channel = nullptr,
              uint64_t shards = 1);

  /// Why the output could not be made, or "".
  const std::string& error() const noexcept { return error_; }
  Output& output() noexcept { return *output_; }

  void append(std::map<std::string, std::string> labels, std::vector<LogRecord> records);
  void append(const Batch& batch);
  /// Seals what is open; gives everything that was sealed since the last call, oldest first.
  std::vector<SealedRequest> seal();
  Weight refused() const noexcept { return refused_; }
  Weight filtered_weight() const noexcept { return filtered_; }

  /// Sends a request and turns the lane until there is an answer. Nothing: none came.
  std::optional<Answer> send(const SealedRequest& request, uint32_t attempt = 0);

  const std::string& name() const noexcept override { return name_; }
  ManualLane& lane() noexcept override { return lane_; }
  Metrics& metrics() noexcept override { return metrics_; }
  const Log& log() noexcept override { return log_; }
  size_t batch_bytes() const noexcept override { return batch_bytes_; }
  uint64_t shards() const noexcept override { return shards_; }
  Result<std::unique_ptr<Channel>> http_channel(const HttpClientConfig& config) override;
  MetricsRegistry& registry() noexcept { return registry_; }
  /// Destroys the output, as a reload does.
  void end() { output_.reset(); }

 private:
  struct Open {
    std::unique_ptr<RequestBody> body;
    std::vector<PartRange> parts;
  };
  RequestBody& part(std::string_view tenant, uint64_t order_hash, size_t estimated_bytes,
                    Weight weight, uint32_t& part) noexcept override;
  void refuse(Weight weight, std::string_view reason, std::string_view example) noexcept override;
  void filtered(Weight weight) noexcept override;
  void seal_one(const std::string& tenant, Open& open);

  std::string name_ = "under_test";
  size_t batch_bytes_;
  uint64_t shards_;
  std::unique_ptr<Channel> channel_;
  ManualLane lane_;
  MetricsRegistry registry_;
  Metrics& metrics_;
  Log log_{"output.under_test"};
  std::string error_;
  std::unique_ptr<Output> output_;
  std::map<std::pair<std::string, uint64_t>, Open> open_;  // by tenant and shard
  std::vector<SealedRequest> sealed_;
  Weight taken_;  // by parts and refusals of the batch in work
  Weight refused_;
  Weight filtered_;
};

}  // namespace tailrace::testkit
