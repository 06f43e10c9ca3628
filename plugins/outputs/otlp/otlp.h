#pragma once

#include <cstdint>
#include <memory>

#include "tailrace/otlp_batch.h"
#include "tailrace/output.h"

#include "plugins/common/idle/idle_release.h"
#include "plugins/outputs/otlp/otlp_config.h"
#include "plugins/outputs/otlp/request_body.h"

namespace tailrace::outputs::otlp {

/// Passes OpenTelemetry data on: to Tempo, a collector, or any other OTLP endpoint.
///
/// Shape:    OtlpBatches in; requests of one signal out, resources behind each other as they came.
/// Units:    sizes in bytes before compression.
/// Lifetime: the batch is borrowed for the call; its bytes are copied into the open request.
/// Lane:     one instance per lane, nothing shared. Order key: the resource's attributes for logs
///           and metrics; traces need no order.
/// Errors:   see answer.h.
/// Source:   OTLP specification 1.x; wire-facts section 6.
class OtlpOutput final : public Output {
 public:
  static Result<std::unique_ptr<Output>> make(std::shared_ptr<const OtlpOutputConfig> config,
                                              OutputContext& context);

  std::unique_ptr<RequestBody> new_body() override;
  void append(const Batch& any, Requests& requests) noexcept override;
  uint32_t format_version() const noexcept override {
    return static_cast<uint32_t>(config_->compression);
  }

  Channel& channel() noexcept override { return *channel_; }
  void describe_call(const SealedView& request, Call& call) override;
  Answer read_answer(const SealedView& request, const CallResult& result) override;
  Result<Rework> rework(const SealedView& request, ReworkReason reason) const override;

 private:
  OtlpOutput(std::shared_ptr<const OtlpOutputConfig> config, OutputContext& context,
             std::unique_ptr<Channel> channel);

  uint64_t order_of(Signal signal, std::string_view resource) const noexcept;
  const std::string& url_of(Signal signal) const noexcept {
    return urls_[static_cast<size_t>(signal)];
  }

  std::shared_ptr<const OtlpOutputConfig> config_;
  OutputContext& context_;
  std::unique_ptr<Channel> channel_;
  std::shared_ptr<BodyMemory> memory_;  // bodies may outlive the output by a moment
  std::string urls_[3];                 // by signal
  common::IdleRelease idle_;
};

}  // namespace tailrace::outputs::otlp
