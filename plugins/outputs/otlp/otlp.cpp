#include "plugins/outputs/otlp/otlp.h"

#include <chrono>

#include <fmt/format.h>

#include "tailrace/plugin.h"

#include "codec/hash.h"
#include "codec/proto_reader.h"
#include "plugins/common/otlp/forms.h"
#include "plugins/common/otlp/schema.h"
#include "plugins/common/otlp/service.h"
#include "plugins/outputs/otlp/answer.h"
#include "plugins/outputs/otlp/rework.h"
#include "plugins/outputs/otlp/signals.h"

namespace tailrace::outputs::otlp {

namespace {

/// Of a resource of traces: its attributes and the first ids lie there.
constexpr size_t kHashedBytes = 1024;

/// The Resource message within a ResourceLogs or ResourceMetrics.
std::string_view attributes_of(std::string_view resource) noexcept {
  codec::ProtoReader reader(resource);
  while (reader.next()) {
    if (reader.field() == common::otlp::resource_x::kResource) {
      return reader.bytes();
    }
    reader.skip();
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Output>> OtlpOutput::make(std::shared_ptr<const OtlpOutputConfig> config,
                                                 OutputContext& context) {
  const bool is_grpc = config->protocol == Protocol::grpc;
  auto channel =
      is_grpc ? context.grpc_channel(config->http, {.keepalive_time = config->keepalive_time})
              : context.http_channel(config->http);
  if (!channel) {
    return tl::unexpected(channel.error());
  }
  return std::unique_ptr<Output>(new OtlpOutput(std::move(config), context, std::move(*channel)));
}

OtlpOutput::OtlpOutput(std::shared_ptr<const OtlpOutputConfig> config, OutputContext& context,
                       std::unique_ptr<Channel> channel)
    : config_(std::move(config)),
      context_(context),
      channel_(std::move(channel)),
      memory_(std::make_shared<BodyMemory>(config_->compression)),
      idle_(context.lane(), [this] { memory_->release(); }) {
  for (const Signal signal : {Signal::traces, Signal::logs, Signal::metrics}) {
    urls_[static_cast<size_t>(signal)] = config_->url_of(signal);
  }
}

std::unique_ptr<RequestBody> OtlpOutput::new_body() {
  return std::make_unique<ExportBody>(memory_);
}

uint64_t OtlpOutput::order_of(Signal signal, std::string_view resource) const noexcept {
  if (context_.shards() == 1) {
    return 0;
  }
  return codec::stable_hash(signal == Signal::traces ? resource.substr(0, kHashedBytes)
                                                     : attributes_of(resource));
}

void OtlpOutput::append(const Batch& any, Requests& requests) noexcept {
  const OtlpBatch* const batch = otlp_cast(any);
  if (batch == nullptr) {
    requests.refuse(any.weight(), "no_otlp_form", any.type().name);
    return;
  }
  if (batch->size == 0) {
    return;
  }
  const Signal signal = batch->signal();
  idle_.used();
  const uint64_t shards = context_.shards();
  for (uint32_t from = 0; from < batch->size;) {
    const uint64_t shard = order_of(signal, batch->resources[from]) % shards;
    Weight weight;
    size_t bound = 0;
    uint32_t to = from;
    while (to < batch->size) {
      const size_t more = ExportBody::bound(batch->resources[to]);
      if (to > from && (bound + more > context_.batch_bytes() ||
                        order_of(signal, batch->resources[to]) % shards != shard)) {
        break;
      }
      bound += more;
      weight += batch->resource_weight(to++);
    }
    uint32_t part = 0;
    auto& body =
        static_cast<ExportBody&>(requests.part(tenant_of(signal), shard, bound, weight, part));
    body.begin_part(bound);
    for (; from < to; ++from) {
      body.add(batch->resources[from]);
    }
  }
}

void OtlpOutput::describe_call(const SealedView& request, Call& call) {
  const Signal signal = signal_of_tenant(request.tenant).value_or(Signal::traces);
  call.method = config_->protocol == Protocol::grpc ? common::otlp::grpc_method(signal) : "POST";
  call.url = url_of(signal);
  call.headers.emplace_back("Content-Type", common::otlp::kProtobufType);
  switch (static_cast<BodyCompression>(request.format_version)) {
    case BodyCompression::gzip:
      call.headers.emplace_back("Content-Encoding", "gzip");
      break;
    case BodyCompression::zstd:
      call.headers.emplace_back("Content-Encoding", "zstd");
      break;
    case BodyCompression::none:
      break;
  }
  call.timeout = std::chrono::ceil<std::chrono::milliseconds>(config_->timeout);
}

Answer OtlpOutput::read_answer(const SealedView& request, const CallResult& result) {
  Weight weight;
  for (const PartRange& part : request.parts) {
    weight += part.weight;
  }
  const AnswerContext about{.records = weight.records,
                            .parts = request.parts.size(),
                            .wall_ns = context_.lane().clock().wall_ns()};
  if (config_->protocol == Protocol::grpc &&
      static_cast<BodyCompression>(request.format_version) == BodyCompression::zstd) {
    // It was spooled when the output spoke HTTP. Whatever the server said: it has not read it.
    Answer answer;
    answer.kind = Answer::Kind::unknown_format;
    answer.reason = "zstd_over_grpc";
    return answer;
  }
  Answer answer = config_->protocol == Protocol::grpc ? read_grpc_answer(result, about)
                                                      : read_http_answer(result, about);
  if (answer.kind == Answer::Kind::delivered && !answer.detail.empty()) {
    context_.log().warn("partial_success",
                        fmt::format("the server took everything and warns: {}", answer.detail));
  }
  return answer;
}

Result<Rework> OtlpOutput::rework(const SealedView& request, ReworkReason reason) const {
  return rework_export(request, reason);
}

namespace {
constexpr Signal kSignals[] = {Signal::traces, Signal::logs, Signal::metrics};
}

}  // namespace tailrace::outputs::otlp

namespace tailrace {

extern const PluginDescriptor outputs_otlp_plugin;
const PluginDescriptor outputs_otlp_plugin =
    define_output<outputs::otlp::OtlpOutput, outputs::otlp::OtlpOutputConfig>(
        {.name = "otlp",
         .summary = "Sends OpenTelemetry data over OTLP: to Tempo, a collector, or any other "
                    "OTLP endpoint.",
         .signals = outputs::otlp::kSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = false,
         .forms = common::otlp::kForms},
        outputs::otlp::otlp_output_schema);

}  // namespace tailrace
