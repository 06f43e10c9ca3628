#pragma once

#include <memory>

#include "tailrace/output.h"
#include "tailrace/plugin.h"

#include "plugins/common/text/local_channel.h"
#include "plugins/common/text/text_encoder.h"

namespace tailrace::outputs::stdout_ {

struct StdoutConfig {
  common::text::TextFormat format = common::text::TextFormat::human;
};
const Schema& stdout_schema();

/// Writes records to standard output.
///
/// Shape: the payload of a request is the text that is written.
/// Lane:  one instance per lane; lanes take turns at standard output. One order key, one tenant.
class StdoutOutput final : public Output {
 public:
  StdoutOutput(std::shared_ptr<const StdoutConfig> config, OutputContext& context);

  std::unique_ptr<RequestBody> new_body() override;
  void append(const Batch& batch, Requests& requests) noexcept override;
  Channel& channel() noexcept override { return channel_; }
  void describe_call(const SealedView& request, Call& call) override;
  Answer read_answer(const SealedView& request, const CallResult& result) override;
  Result<Rework> rework(const SealedView& request, ReworkReason reason) const override;

 private:
  common::text::TextEncoder encoder_;
  common::text::LocalChannel channel_;
};

}  // namespace tailrace::outputs::stdout_
