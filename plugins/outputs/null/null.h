#pragma once

#include <functional>
#include <map>
#include <memory>

#include "tailrace/output.h"
#include "tailrace/plugin.h"

namespace tailrace::outputs::null {

struct NullConfig {};
const Schema& null_schema();

/// Answers every call in the next turn of the loop.
/// Lane: the one that it was made on.
class NullChannel final : public Channel {
 public:
  explicit NullChannel(Lane& lane) : lane_(lane) {}

  CallId call(const Call& call, std::function<void(CallResult)> done) override;
  void cancel(CallId id) override;

 private:
  using Pending = std::map<CallId, std::function<void(CallResult)>>;

  Lane& lane_;
  CallId last_id_ = 0;
  std::shared_ptr<Pending> pending_ = std::make_shared<Pending>();  // posted calls hold it weakly
};

/// Takes everything and keeps nothing: requests have no payload, only their counts.
/// Lane: one instance per lane.
class NullOutput final : public Output {
 public:
  NullOutput(std::shared_ptr<const NullConfig> config, OutputContext& context);

  std::unique_ptr<RequestBody> new_body() override;
  void append(const Batch& batch, Requests& requests) noexcept override;
  Channel& channel() noexcept override { return channel_; }
  void describe_call(const SealedView& request, Call& call) override;
  Answer read_answer(const SealedView& request, const CallResult& result) override;
  Result<Rework> rework(const SealedView& request, ReworkReason reason) const override;

 private:
  NullChannel channel_;
};

}  // namespace tailrace::outputs::null
