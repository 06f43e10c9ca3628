#include "testkit/output_stage.h"

namespace tailrace::testkit {

OutputStage::OutputStage(const PluginDescriptor& plugin, std::shared_ptr<const void> config) {
  auto made = plugin.make_output(std::move(config), *this);
  if (made) {
    output_ = std::move(*made);
  }
}

void OutputStage::append(const Sample& sample) {
  lane_.arena().reset();
  taken_ = {};
  refused_ = {};
  filtered_ = {};
  sample.with(lane_, [this](Batch& batch) {
    batch_weight_ = batch.weight();
    output_->append(batch, *this);
  });
}

RequestBody& OutputStage::part(std::string_view tenant, uint64_t, size_t estimated_bytes,
                               Weight weight, uint32_t& part) noexcept {
  Open& open = open_[std::string(tenant)];
  if (open.body == nullptr) {
    open.body = output_->new_body();
    open.request.tenant = tenant;
  }
  part = static_cast<uint32_t>(open.request.parts.size());
  open.request.parts.push_back({0, 0, weight});
  open.request.estimated_bytes += estimated_bytes;
  taken_ += weight;
  return *open.body;
}

void OutputStage::refuse(Weight weight, std::string_view, std::string_view) noexcept {
  refused_ += weight;
}

void OutputStage::filtered(Weight weight) noexcept {
  filtered_ += weight;
}

std::vector<StagedRequest> OutputStage::seal() {
  std::vector<StagedRequest> sealed;
  for (auto& [tenant, open] : open_) {
    if (open.request.parts.empty()) {
      continue;
    }
    open.request.body_bytes = open.body->bytes();
    open.request.payload = open.body->seal(open.request.parts);
    open.request.format_version = output_->format_version();
    open.request.left_bytes = open.body->bytes();
    sealed.push_back(std::move(open.request));
    open.request = StagedRequest();
    open.request.tenant = tenant;
  }
  return sealed;
}

}  // namespace tailrace::testkit
