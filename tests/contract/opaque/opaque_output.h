#pragma once

#include <memory>
#include <string>

#include "tailrace/config_schema.h"
#include "tailrace/output.h"

namespace tailrace::contract {

struct OpaqueOutputConfig {
  std::string url;
  ByteSize max_message{1 << 20};
  Duration timeout = std::chrono::seconds(10);
};
const Schema& opaque_output_schema();

/// Merges messages by putting one behind the other.
///
/// Shape:  one part for each batch; no order, so one order key for all.
/// Errors: 400 -> the source of some message is to blame; 413 -> too large; 422 -> refused; 429 ->
///         retry after the time given; everything else but 2xx -> retry.
class OpaqueOutput final : public Output {
 public:
  OpaqueOutput(std::shared_ptr<const OpaqueOutputConfig> config, std::unique_ptr<Channel> channel)
      : config_(std::move(config)), channel_(std::move(channel)) {}
  static Result<std::unique_ptr<Output>> make(std::shared_ptr<const OpaqueOutputConfig> config,
                                              OutputContext& context);

  std::unique_ptr<RequestBody> new_body() override;
  void append(const Batch& batch, Requests& requests) noexcept override;
  Channel& channel() noexcept override { return *channel_; }
  void describe_call(const SealedView& request, Call& call) override;
  Answer read_answer(const SealedView& request, const CallResult& result) override;
  Result<Rework> rework(const SealedView& request, ReworkReason reason) const override;

 private:
  const std::shared_ptr<const OpaqueOutputConfig> config_;
  const std::unique_ptr<Channel> channel_;
};

}  // namespace tailrace::contract
