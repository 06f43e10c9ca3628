#pragma once

#include <memory>
#include <string>

#include "tailrace/config_schema.h"
#include "tailrace/output.h"

namespace tailrace::contract {

struct RowsOutputConfig {
  std::string url;
  Duration timeout = std::chrono::seconds(10);
};
const Schema& rows_output_schema();

/// Writes rows as lines `series value timestamp_ms`.
///
/// Shape:  one part for each run of rows of one series.
/// Order:  by series; with shards, the series' hash says which sequence.
/// Errors: 413 -> too large; 400 -> refused; everything else but 2xx -> retry.
class RowsOutput final : public Output {
 public:
  RowsOutput(std::shared_ptr<const RowsOutputConfig> config, std::unique_ptr<Channel> channel)
      : config_(std::move(config)), channel_(std::move(channel)) {}
  static Result<std::unique_ptr<Output>> make(std::shared_ptr<const RowsOutputConfig> config,
                                              OutputContext& context);

  std::unique_ptr<RequestBody> new_body() override;
  void append(const Batch& batch, Requests& requests) noexcept override;
  Channel& channel() noexcept override { return *channel_; }
  void describe_call(const SealedView& request, Call& call) override;
  Answer read_answer(const SealedView& request, const CallResult& result) override;
  Result<Rework> rework(const SealedView& request, ReworkReason reason) const override;

 private:
  const std::shared_ptr<const RowsOutputConfig> config_;
  const std::unique_ptr<Channel> channel_;
};

}  // namespace tailrace::contract
