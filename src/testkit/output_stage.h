#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tailrace/plugin.h"

#include "base/metrics_registry.h"
#include "testkit/fake_net.h"
#include "testkit/manual_lane.h"
#include "testkit/samples.h"

namespace tailrace::testkit {

/// A request that was sealed, with what the harness wants to see of it.
struct StagedRequest {
  std::string tenant;
  Bytes payload;
  std::vector<PartRange> parts;
  size_t estimated_bytes = 0;  ///< What the output announced to Requests::part.
  size_t body_bytes = 0;       ///< RequestBody::bytes() before the seal.
  size_t left_bytes = 0;       ///< The same after it.

  uint32_t format_version = 1;

  SealedView view() const { return {payload.view(), tenant, format_version, parts, 0}; }
};

/// An output on its own, for the harness: it takes batches and seals requests, and the test looks
/// at everything that it did. Nothing here is asserted.
class OutputStage final : public OutputContext, private Requests {
 public:
  OutputStage(const PluginDescriptor& plugin, std::shared_ptr<const void> config);

  Output* output() noexcept { return output_.get(); }  // null: it could not be made
  void append(const Sample& sample);
  /// Seals what is open: in the order of tenants.
  std::vector<StagedRequest> seal();

  // Of the last append.
  Weight taken() const noexcept { return taken_; }
  Weight refused() const noexcept { return refused_; }
  Weight filtered_weight() const noexcept { return filtered_; }
  Weight batch_weight() const noexcept { return batch_weight_; }

  const std::string& name() const noexcept override { return name_; }
  ManualLane& lane() noexcept override { return lane_; }
  FakeServer& server() noexcept { return server_; }
  Metrics& metrics() noexcept override { return metrics_; }
  const Log& log() noexcept override { return log_; }
  size_t batch_bytes() const noexcept override { return 1 << 20; }
  Result<std::unique_ptr<Channel>> http_channel(const HttpClientConfig&) override {
    return server_.channel(lane_);
  }

 private:
  struct Open {
    std::unique_ptr<RequestBody> body;
    StagedRequest request;
  };
  RequestBody& part(std::string_view tenant, uint64_t order_hash, size_t estimated_bytes,
                    Weight weight, uint32_t& part) noexcept override;
  void refuse(Weight weight, std::string_view reason, std::string_view example) noexcept override;
  void filtered(Weight weight) noexcept override;

  std::string name_ = "under_test";
  FakeServer server_;
  ManualLane lane_;
  MetricsRegistry registry_;
  Metrics& metrics_ = registry_.scope(0, {{"component", "under_test"}});
  Log log_{"output.under_test"};
  std::map<std::string, Open> open_;
  Weight taken_;
  Weight refused_;
  Weight filtered_;
  Weight batch_weight_;
  std::unique_ptr<Output> output_;  // goes first
};

}  // namespace tailrace::testkit
