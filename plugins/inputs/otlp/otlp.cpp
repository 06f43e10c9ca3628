#include "plugins/inputs/otlp/otlp.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "tailrace/block.h"
#include "tailrace/grpc.h"
#include "tailrace/plugin.h"

#include "plugins/common/otlp/forms.h"
#include "plugins/common/otlp/service.h"
#include "plugins/common/receiver/inflate.h"
#include "plugins/inputs/otlp/cors.h"

namespace tailrace::inputs::otlp {

using common::otlp::CheckedResource;
using common::otlp::JsonRequestReader;
using common::otlp::RequestChecker;
using common::receiver::Ack;

namespace {

constexpr std::string_view kBadIds =
    "trace ids have 16 bytes and span ids 8, and those of a span are not zero";
/// What a client that is told to come again is asked to wait, as Retry-After says it.
constexpr std::chrono::milliseconds kRetryDelay = std::chrono::seconds(1);

/// Source bytes for which credit is asked: records of few bytes need room as well.
size_t credit_bytes(uint64_t records, size_t body_size) {
  const uint64_t by_records = records / kMaxUnitRecords * kMaxBlockBytes;
  return std::max<uint64_t>({body_size, by_records, 1});
}

GrpcServerConfig grpc_server_of(const GrpcDoorConfig& door) {
  GrpcServerConfig server;
  server.listen = door.listen;
  server.tls = door.tls;
  for (const Signal signal : {Signal::traces, Signal::logs, Signal::metrics}) {
    server.methods.emplace_back(common::otlp::grpc_method(signal));
  }
  server.max_message_bytes = door.max_message_size.bytes;
  server.max_calls = door.max_calls;
  server.read_timeout = door.read_timeout;
  server.idle_timeout = door.idle_timeout;
  server.keepalive_time = door.keepalive_time;
  server.keepalive_timeout = door.keepalive_timeout;
  return server;
}

}  // namespace

OtlpInput::OtlpInput(std::shared_ptr<const OtlpInputConfig> config, InputContext& context)
    : BodyReceiver(*config, context),
      config_(std::move(config)),
      refused_records_(context.metrics().counter(
          "input_refused_records_total",
          "Records that were refused while the rest of their request was taken, by reason.",
          {{"reason", "ids"}})) {}

OtlpInput::~OtlpInput() {
  close();
}

Status OtlpInput::open() {
  if (config_->grpc) {
    if (Status opened = serve(grpc_server_of(*config_->grpc)); !opened) {
      return opened;
    }
  }
  if (config_->http) {
    if (Status opened = serve(*config_->http); !opened) {
      return opened;
    }
  }
  return {};
}

bool OtlpInput::is_body_path(std::string_view path) const {
  return common::otlp::signal_of(path).has_value();
}

bool OtlpInput::answers_itself(HttpExchange& exchange) {
  if (!config_->http || !config_->http->cors || exchange.head().is_grpc) {
    return false;
  }
  auto headers = preflight_headers(*config_->http->cors, exchange.head());
  if (!headers) {
    return false;
  }
  exchange.reply(204, std::move(*headers), {});
  return true;
}

Status OtlpInput::check_head(const HttpRequestHead& head) const {
  const auto form = read_body_form(head);
  return form ? Status() : tl::unexpected(form.error());
}

int OtlpInput::status_of(ErrorCode code) const {
  return code == ErrorCode::unsupported ? 415 : BodyReceiver::status_of(code);
}

void OtlpInput::release_scratch() {
  checker_.release();
  json_reader_.release();
  json_bytes_.release();
  kept_ = {};
  context().lane().arena().reset();
}

void OtlpInput::on_whole_body(const ExchangePtr& exchange, Bytes body_and_padding, size_t body_size,
                              Reservation& memory) {
  const Signal signal = *common::otlp::signal_of(exchange->head().path);
  const auto unpacked =
      unpack(signal, exchange->head(), std::move(body_and_padding), body_size, memory);
  if (!unpacked) {
    refuse(*exchange, unpacked.error());
    return;
  }
  const size_t resources = RequestChecker::count_resources(unpacked->body);
  if (const Status room = make_room_for_views(resources, memory); !room) {
    refuse(*exchange, room.error());
    return;
  }
  if (const Status good = checker_.check(signal, unpacked->body, resources); !good) {
    refuse(*exchange, good.error());
    return;
  }
  if (const Status room = make_room_for_copies(memory); !room) {
    refuse(*exchange, room.error());
    return;
  }
  if (checker_.records() > checker_.refused() &&
      !admit(*exchange, credit_bytes(checker_.records(), unpacked->body.size()))) {
    return;
  }
  count_taken(body_size);
  take(exchange, signal, body_size);
}

Result<OtlpInput::Unpacked> OtlpInput::unpack(Signal signal, const HttpRequestHead& head,
                                              Bytes body_and_padding, size_t body_size,
                                              Reservation& memory) {
  const auto form = read_body_form(head);
  if (!form) {
    return tl::unexpected(form.error());
  }
  Unpacked unpacked;
  if (form->packed) {
    auto inflated =
        common::receiver::inflate(*form->packed, body_and_padding.view().substr(0, body_size),
                                  config_->max_decompressed_bytes(), memory);
    if (!inflated) {
      return tl::unexpected(inflated.error());
    }
    unpacked.bytes = std::move(*inflated);
  } else {
    // An empty body comes without memory.
    unpacked.bytes = body_size == 0 ? codec::PaddedBytes(0)
                                    : codec::PaddedBytes(std::move(body_and_padding), body_size);
  }
  unpacked.body = unpacked.bytes.view();
  if (form->format == BodyFormat::json) {
    if (const Status converted = convert_json(signal, unpacked.body, memory); !converted) {
      return tl::unexpected(converted.error());
    }
    unpacked.body = json_bytes_.view(0, json_bytes_.size());
  }
  return unpacked;
}

/// JSON is usually longer than its protobuf; where it is not (lists of short numbers) the guess
/// grows.
Status OtlpInput::convert_json(Signal signal, std::string_view json, Reservation& memory) {
  const uint64_t most = config_->max_decompressed_bytes();
  uint64_t guess = std::min<uint64_t>(most, json.size() + 4096);
  Status room = memory.grow(JsonRequestReader::scratch_bytes(json.size()) + guess);
  while (room) {
    Status converted = json_reader_.convert(signal, json, guess, json_bytes_);
    if (converted || converted.error().code != ErrorCode::limit || guess == most) {
      return converted;
    }
    const uint64_t before = std::exchange(guess, std::min(most, guess * 3));
    room = memory.grow(guess - before);
  }
  return room;
}

/// A few are within what an agent needs anyway; but of empty ones there may be millions in a body.
Status OtlpInput::make_room_for_views(size_t resources, Reservation& memory) {
  constexpr size_t kFew = 1024;
  constexpr size_t kBatchBytes = sizeof(std::string_view) + 2 * sizeof(uint32_t);
  // Twice: pipelines that edit a batch have views of their own.
  const size_t bytes = RequestChecker::scratch_bytes(resources) + 2 * resources * kBatchBytes;
  return resources <= kFew ? Status() : memory.grow(bytes);
}

/// Resources that have lost records are copied.
Status OtlpInput::make_room_for_copies(Reservation& memory) const {
  size_t copied = 0;
  size_t longest = 0;
  for (const CheckedResource& resource : checker_.resources()) {
    if (resource.refused > 0) {
      copied += resource.message.size();
      longest = std::max(longest, resource.message.size());
    }
  }
  return copied == 0 ? Status() : memory.grow(copied + longest);
}

/// Everything was checked and there is room: from here on nothing can be refused.
void OtlpInput::take(const ExchangePtr& exchange, Signal signal, size_t body_size) {
  const uint64_t refused = checker_.refused();
  const uint64_t taken = checker_.records() - refused;
  Reply done{.status = 200, .records = checker_.records()};
  if (refused > 0) {
    refused_records_.add(refused);
    done.rejected = refused;
    done.text = kBadIds;
    context().log().warn("refused_records",
                         fmt::format("{} of {} records from {} were refused: {}", refused,
                                     checker_.records(), exchange->head().peer, kBadIds));
  }
  if (taken == 0 || config_->ack == Ack::accepted) {
    if (taken > 0) {
      push(signal, nullptr);
    }
    reply(*exchange, std::move(done));
    return;
  }
  // Held until all of the body is pushed, so that it cannot be released half-way.
  const ReceiptRef receipt = replies().open(exchange, body_size, std::move(done));
  push(signal, receipt.get());
}

void OtlpInput::push(Signal signal, Receipt* receipt) {
  context().feed().begin_unit();
  Arena& arena = context().lane().arena();
  const auto checked = checker_.resources();
  OtlpBatch batch(signal);
  batch.receipt = receipt;
  batch.resources = arena.array<std::string_view>(checked.size());
  batch.records = arena.array<uint32_t>(checked.size());
  batch.source_bytes = arena.array<uint32_t>(checked.size());
  for (const CheckedResource& resource : checked) {
    std::string_view message = resource.message;
    uint32_t source_bytes = resource.source_bytes;
    if (resource.refused > 0) {
      kept_.clear();
      kept_.reserve(message.size());
      common::otlp::append_without_refused(signal, message, kept_);
      if (kept_.empty()) {
        continue;
      }
      source_bytes -= static_cast<uint32_t>(message.size() - kept_.size());
      message = arena.copy(kept_);
    }
    batch.resources[batch.size] = message;
    batch.records[batch.size] = resource.records - resource.refused;
    batch.source_bytes[batch.size] = source_bytes;
    ++batch.size;
  }
  context().feed().push(batch);
}

void OtlpInput::send(HttpExchange& exchange, const Reply& answer, Headers headers) {
  if (exchange.head().is_grpc) {
    send_grpc(exchange, answer);
  } else {
    send_http(exchange, answer, std::move(headers));
  }
}

void OtlpInput::send_http(HttpExchange& exchange, const Reply& answer, Headers headers) const {
  const HttpRequestHead& head = exchange.head();
  if (config_->http->cors) {
    for (auto& header : cors_headers(*config_->http->cors, head)) {
      headers.push_back(std::move(header));
    }
  }
  const auto signal = common::otlp::signal_of(head.path);
  const auto format = body_format(head);
  std::string body;
  if (!signal || !format) {
    headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
    body = answer.text + "\n";
  } else {
    const bool json = *format == BodyFormat::json;
    headers.emplace_back("Content-Type",
                         json ? common::otlp::kJsonType : common::otlp::kProtobufType);
    if (answer.status < 400) {
      const common::otlp::PartialSuccess partial{answer.rejected, answer.text};
      body = json ? common::otlp::response_json(*signal, partial)
                  : common::otlp::encode_response(partial);
    } else {
      const common::otlp::RpcStatus status{.code = common::otlp::rpc_code_of(answer.status),
                                           .message = answer.text};
      body = json ? common::otlp::status_json(status) : common::otlp::encode_status(status);
    }
  }
  exchange.reply(answer.status, std::move(headers), std::move(body));
}

void OtlpInput::send_grpc(HttpExchange& exchange, const Reply& answer) {
  const int code = common::otlp::rpc_code_of(answer.status);
  if (code == grpc_code::kOk) {
    exchange.reply(code, {}, common::otlp::encode_response({answer.rejected, answer.text}));
    return;
  }
  common::otlp::RpcStatus status{.code = code, .message = answer.text};
  if (answer.again) {
    status.retry_delay = kRetryDelay;
  }
  exchange.reply(code, {{kGrpcStatusDetails, common::otlp::encode_status(status)}}, answer.text);
}

namespace {
constexpr Signal kSignals[] = {Signal::traces, Signal::logs, Signal::metrics};
}

}  // namespace tailrace::inputs::otlp

namespace tailrace {

extern const PluginDescriptor inputs_otlp_plugin;
const PluginDescriptor inputs_otlp_plugin =
    define_input<inputs::otlp::OtlpInput, inputs::otlp::OtlpInputConfig>(
        {.name = "otlp",
         .summary = "Receives OpenTelemetry's traces, logs and metrics over OTLP: from SDKs, "
                    "collectors, or another tailrace.",
         .signals = inputs::otlp::kSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = true,
         .forms = common::otlp::kForms},
        inputs::otlp::otlp_input_schema);

}  // namespace tailrace
