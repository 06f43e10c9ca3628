#include "testkit/output_bench.h"

#include "tailrace/check.h"

namespace tailrace::testkit {

OutputBench::OutputBench(const PluginDescriptor& plugin, std::shared_ptr<const void> config,
                         size_t batch_bytes, std::unique_ptr<Channel> channel, uint64_t shards)
    : batch_bytes_(batch_bytes),
      shards_(shards),
      channel_(std::move(channel)),
      metrics_(registry_.scope(0, {{"component", "under_test"}})) {
  auto made = plugin.make_output(std::move(config), *this);
  if (made) {
    output_ = std::move(*made);
  } else {
    error_ = made.error().message;
  }
}

void OutputBench::append(std::map<std::string, std::string> labels,
                         std::vector<LogRecord> records) {
  lane_.arena().reset();
  LogBatchOf batch(lane_.labels(), lane_.arena(), std::move(labels), std::move(records));
  append(batch.batch());
}

void OutputBench::append(const Batch& batch) {
  taken_ = {};
  output_->append(batch, *this);
  TR_CHECK(taken_ == batch.weight());
}

RequestBody& OutputBench::part(std::string_view tenant, uint64_t order_hash, size_t estimated_bytes,
                               Weight weight, uint32_t& part) noexcept {
  Open& open = open_[{std::string(tenant), order_hash % shards_}];
  if (open.body != nullptr && !open.parts.empty() &&
      open.body->bytes() + estimated_bytes > batch_bytes_) {
    seal_one(std::string(tenant), open);
  }
  if (open.body == nullptr) {
    open.body = output_->new_body();
  }
  part = static_cast<uint32_t>(open.parts.size());
  open.parts.push_back({.weight = weight});
  taken_ += weight;
  return *open.body;
}

void OutputBench::refuse(Weight weight, std::string_view /*reason*/,
                         std::string_view /*example*/) noexcept {
  refused_ += weight;
  taken_ += weight;
}

void OutputBench::filtered(Weight weight) noexcept {
  filtered_ += weight;
  taken_ += weight;
}

void OutputBench::seal_one(const std::string& tenant, Open& open) {
  SealedRequest request;
  request.tenant = tenant;
  request.payload = open.body->seal(open.parts);
  request.parts = std::move(open.parts);
  request.format_version = output_->format_version();
  open.parts.clear();
  TR_CHECK(open.body->bytes() == 0);
  sealed_.push_back(std::move(request));
}

std::vector<SealedRequest> OutputBench::seal() {
  for (auto& [key, open] : open_) {
    if (!open.parts.empty()) {
      seal_one(key.first, open);
    }
  }
  return std::exchange(sealed_, {});
}

std::optional<Answer> OutputBench::send(const SealedRequest& request, uint32_t attempt) {
  Call call;
  output_->describe_call(request.view(attempt), call);
  call.body = request.payload.view();
  std::optional<Answer> answer;
  bool returned = false;
  output_->channel().call(call, [&](CallResult result) {
    TR_CHECK(returned);
    TR_CHECK(!answer);
    answer = output_->read_answer(request.view(attempt), result);
  });
  returned = true;
  lane_.turn();
  return answer;
}

Result<std::unique_ptr<Channel>> OutputBench::http_channel(const HttpClientConfig& /*config*/) {
  if (channel_ == nullptr) {
    return fail(ErrorCode::unsupported, "no channel was given to the bench");
  }
  return std::move(channel_);
}

}  // namespace tailrace::testkit
