#include "plugins/outputs/null/null.h"

#include <utility>

namespace tailrace::outputs::null {

namespace {

/// Counts source bytes, so that requests are sealed after as many as elsewhere.
class NullBody final : public RequestBody {
 public:
  size_t bytes() const noexcept override { return bytes_; }
  Bytes seal(std::span<PartRange> parts) override {
    for (PartRange& part : parts) {
      part.offset = 0;
      part.length = 0;
    }
    bytes_ = 0;
    return {};
  }
  void add(size_t bytes) noexcept { bytes_ += bytes; }

 private:
  size_t bytes_ = 0;
};

}  // namespace

const Schema& null_schema() {
  static const Schema schema = Schema::of<NullConfig>({});
  return schema;
}

CallId NullChannel::call(const Call& /*call*/, std::function<void(CallResult)> done) {
  const CallId id = ++last_id_;
  pending_->emplace(id, std::move(done));
  lane_.post([id, weak = std::weak_ptr<Pending>(pending_)] {
    const auto pending = weak.lock();
    if (pending == nullptr) {
      return;
    }
    if (auto found = pending->extract(id); !found.empty()) {
      CallResult result;
      result.status = 200;
      found.mapped()(std::move(result));
    }
  });
  return id;
}

void NullChannel::cancel(CallId id) {
  pending_->erase(id);
}

NullOutput::NullOutput(std::shared_ptr<const NullConfig> /*config*/, OutputContext& context)
    : channel_(context.lane()) {}

std::unique_ptr<RequestBody> NullOutput::new_body() {
  return std::make_unique<NullBody>();
}

void NullOutput::append(const Batch& batch, Requests& requests) noexcept {
  const Weight weight = batch.weight();
  uint32_t part = 0;
  auto& body = static_cast<NullBody&>(requests.part({}, 0, weight.bytes, weight, part));
  body.add(weight.bytes);
}

void NullOutput::describe_call(const SealedView& /*request*/, Call& /*call*/) {}

Answer NullOutput::read_answer(const SealedView& /*request*/, const CallResult& /*result*/) {
  return {.kind = Answer::Kind::delivered};
}

Result<Rework> NullOutput::rework(const SealedView& /*request*/, ReworkReason /*reason*/) const {
  return fail(ErrorCode::unsupported, "there is nothing to take apart");
}

}  // namespace tailrace::outputs::null

namespace tailrace {

namespace {
constexpr Signal kSignals[] = {Signal::logs, Signal::metrics, Signal::traces};
constexpr const BatchType* kForms[] = {&kAnyForm};
}  // namespace

extern const PluginDescriptor outputs_null_plugin =
    define_output<outputs::null::NullOutput, outputs::null::NullConfig>(
        {.name = "null",
         .summary = "Takes everything and keeps nothing; for tests and measurements.",
         .signals = kSignals,
         .stability = Stability::stable,
         .forms = kForms},
        outputs::null::null_schema);

}  // namespace tailrace
