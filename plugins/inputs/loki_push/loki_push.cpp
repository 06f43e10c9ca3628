#include "plugins/inputs/loki_push/loki_push.h"

#include <algorithm>

#include <fmt/format.h>

#include "tailrace/block.h"
#include "tailrace/log_batch.h"
#include "tailrace/plugin.h"

#include "codec/utf8.h"

namespace tailrace::inputs::loki_push {

using tailrace::loki::PushChunk;
using tailrace::loki::PushFormat;
using tailrace::loki::PushReader;
using tailrace::loki::PushTotals;

namespace {

/// What a client that is told to come again is asked to wait. Credit and memory come back within a
/// second or so when outputs are well.
constexpr const char* kRetryAfterSeconds = "1";
/// A body that took more leaves no scratch memory behind.
constexpr size_t kKeptScratchBytes = 4 << 20;

/// Source bytes for which credit is asked: entries of no size need room as well.
size_t credit_bytes(const PushTotals& totals) {
  const uint64_t by_entries = totals.entries / kMaxUnitRecords * kMaxBlockBytes;
  return std::max<uint64_t>({totals.bytes, by_entries, 1});
}

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::limit:
      return 413;
    case ErrorCode::no_space:
      return 429;
    default:
      return 400;
  }
}

}  // namespace

LokiPushInput::LokiPushInput(std::shared_ptr<const LokiPushConfig> config, InputContext& context)
    : config_(std::move(config)),
      context_(context),
      replies_(std::make_shared<ReplyBook>(
          context.lane(), config_->reply_timeout,
          [this](HttpExchange& exchange, const Reply& answer) {
            if (answer.status == 204) {
              reply(exchange, answer);
            } else {
              refuse(exchange, answer, answer.status == 400 ? "refused_by_output" : "not_settled");
            }
          })),
      bodies_(context.metrics().counter("input_bodies_total", "Bodies taken in.")),
      body_bytes_(context.metrics().counter("input_body_bytes_total",
                                            "Bytes of the bodies taken in, as they were sent.")),
      waiting_gauge_(context.metrics().gauge("input_waiting_clients",
                                             "Clients whose body is taken but not settled yet.")),
      incoming_gauge_(context.metrics().gauge("input_incoming_bytes",
                                              "Memory reserved for bodies on their way in.")) {}

LokiPushInput::~LokiPushInput() {
  replies_->close();
}

Status LokiPushInput::open() {
  HttpServerConfig server;
  server.listen = config_->listen;
  server.tls = config_->tls;
  server.max_connections = config_->max_connections;
  server.idle_timeout = config_->idle_timeout;
  auto made = context_.http_server(server, *this);
  if (!made) {
    return tl::unexpected(made.error());
  }
  server_ = std::move(*made);
  if (context_.lane().id() == 0) {  // all lanes share the port
    const std::string& listen = config_->listen;
    context_.log().info(
        "listening",
        fmt::format("listening on {}:{}", listen.substr(0, listen.rfind(':')), server_->port()));
  }
  return {};
}

void LokiPushInput::start() {
  if (context_.once()) {
    context_.finished();  // there is never more to read than what clients choose to send
  }
}

void LokiPushInput::stop() {
  stopping_ = true;
  if (server_ != nullptr) {
    server_->quiesce();
  }
}

std::vector<SourceStatus> LokiPushInput::sources() const {
  SourceStatus status;
  status.name = fmt::format("{} (port {})", config_->listen, server_ ? server_->port() : 0);
  status.position = taken_bytes_;
  status.size = taken_bytes_;
  status.waiting_bytes = replies_->unsettled_bytes();
  status.settled = taken_bytes_ - status.waiting_bytes;
  status.state = stopping_ ? "stopping" : "listening";
  return {std::move(status)};
}

void LokiPushInput::update_gauges() {
  size_t incoming = 0;
  for (const auto& [exchange, memory] : incoming_) {
    incoming += memory.bytes();
  }
  incoming_gauge_.set(static_cast<double>(incoming));
  waiting_gauge_.set(static_cast<double>(replies_->waiting()));
}

uint64_t LokiPushInput::on_head(const ExchangePtr& exchange) {
  const HttpRequestHead& head = exchange->head();
  if (head.path == "/ready") {
    reply(*exchange, {stopping_ ? 503 : 200, stopping_ ? "stopping" : "ready"});
    return 0;
  }
  if (!is_push_path(head.path)) {
    reply(*exchange, {404, "not found; logs are pushed to /loki/api/v1/push"});
    return 0;
  }
  if (head.method != "POST") {
    reply(*exchange, {405, "POST logs to this path"});
    return 0;
  }
  if (stopping_) {
    refuse(*exchange, {503, "shutting down; send it again", true}, "stopping");
    return 0;
  }
  if (const auto form = read_body_form(head); !form) {
    refuse(*exchange, {400, form.error().message}, "headers");
    return 0;
  }
  const uint64_t limit = config_->max_body_size.bytes;
  if (head.content_length.value_or(0) > limit) {
    refuse(*exchange, {413, fmt::format("the body is larger than {} bytes", limit)}, "too_large");
    return 0;
  }
  // A body that does not say its size may become as large as the limit.
  const uint64_t size = head.content_length.value_or(limit);
  Reservation memory(context_.memory());
  if (!memory.grow(size + kBlockPadding)) {
    refuse(*exchange, {429, "no memory for this body now; send it again later", true}, "memory");
    return 0;
  }
  if (!context_.feed().credit(std::max<uint64_t>(head.content_length.value_or(1), 1))) {
    refuse(*exchange, {429, "the outputs have no room now; send it again later", true}, "credit");
    return 0;
  }
  incoming_.emplace(exchange.get(), std::move(memory));
  return limit;
}

void LokiPushInput::on_end(const ExchangePtr& exchange) {
  incoming_.erase(exchange.get());
}

void LokiPushInput::on_body(const ExchangePtr& exchange, Bytes body_and_padding, size_t body_size) {
  const auto incoming = incoming_.find(exchange.get());
  if (incoming == incoming_.end() || exchange->replied()) {
    return;
  }
  Reservation memory = std::move(incoming->second);
  incoming_.erase(incoming);
  if (stopping_) {
    refuse(*exchange, {503, "shutting down; send it again", true}, "stopping");
    return;
  }
  PushFormat format{};
  PushTotals totals;
  const auto body =
      check(exchange->head(), std::move(body_and_padding), body_size, memory, format, totals);
  if (!body) {
    const int status = status_of(body.error().code);
    refuse(*exchange, {status, body.error().message, status == 429},
           status == 429   ? "memory"
           : status == 413 ? "too_large"
                           : "invalid");
  } else if (totals.streams == 0) {
    refuse(*exchange, {422, "the body has no streams"}, "empty");
  } else if (totals.entries == 0) {
    reply(*exchange, {});
  } else if (!context_.feed().credit(credit_bytes(totals))) {
    refuse(*exchange, {429, "the outputs have no room now; send it again later", true}, "credit");
  } else {
    bodies_.increment();
    body_bytes_.add(body_size);
    taken_bytes_ += body_size;
    take(exchange, format, body->view(), body_size);
  }
  if (memory.bytes() > kKeptScratchBytes) {
    reader_.release();
  }
}

Result<codec::PaddedBytes> LokiPushInput::check(const HttpRequestHead& head, Bytes body_and_padding,
                                                size_t body_size, Reservation& memory,
                                                PushFormat& format, PushTotals& totals) {
  const auto form = read_body_form(head);
  if (!form) {
    return tl::unexpected(form.error());
  }
  if (body_size == 0) {
    return fail(ErrorCode::invalid, "the body is empty");
  }
  format = form->format;
  auto body = unpack_body(*form, std::move(body_and_padding), body_size,
                          config_->max_decompressed_bytes(), memory);
  if (!body) {
    return body;
  }
  if (!memory.grow(PushReader::scratch_bytes(format, body->size()))) {
    return fail(ErrorCode::no_space, "no memory for this body now; send it again later");
  }
  const auto checked = reader_.check(format, body->view());
  if (!checked) {
    return tl::unexpected(checked.error());
  }
  totals = *checked;
  const std::string_view tenant = head.header("x-scope-orgid");
  if (!config_->tenant_label.empty() &&
      (!codec::valid_utf8(tenant) || tenant.find('|') != std::string_view::npos)) {
    return fail(ErrorCode::invalid, "X-Scope-OrgID does not name one tenant");
  }
  return body;
}

/// Everything was checked and there is room: from here on nothing can be refused.
void LokiPushInput::take(const ExchangePtr& exchange, PushFormat format, std::string_view body,
                         size_t body_size) {
  const bool settled = config_->ack == Ack::settled;
  const std::string_view tenant =
      config_->tenant_label.empty() ? std::string_view() : exchange->head().header("x-scope-orgid");
  // Held until all of the body is pushed, so that it cannot be released half-way.
  const ReceiptRef receipt = settled ? replies_->open(exchange, body_size) : ReceiptRef();
  reader_.read(format, body, [&](PushChunk& chunk) { push_chunk(chunk, tenant, receipt.get()); });
  if (!settled) {
    reply(*exchange, {});
  }
}

void LokiPushInput::push_chunk(PushChunk& chunk, std::string_view tenant, Receipt* receipt) {
  labels_.assign(chunk.labels.begin(), chunk.labels.end());
  if (!tenant.empty()) {
    labels_.push_back({config_->tenant_label, tenant});
  }
  const LabelsPtr labels = context_.lane().labels().intern(labels_);
  // Chunks lie in memory of the reader's, so each may have a fresh arena for the processors: what a
  // large body makes them allocate does not add up.
  context_.feed().begin_unit();
  LogBatch batch;
  batch.receipt = receipt;
  batch.labels = labels.get();
  batch.size = static_cast<uint32_t>(chunk.lines.size());
  batch.timestamps = chunk.timestamps.data();
  batch.bodies = chunk.lines.data();
  batch.source_bytes = chunk.sizes.data();
  batch.metadata = chunk.any_metadata ? chunk.metadata.data() : nullptr;
  context_.feed().push(batch);
}

void LokiPushInput::reply(HttpExchange& exchange, const Reply& answer) {
  Counter*& counter = replied_[answer.status];
  if (counter == nullptr) {
    counter = &context_.metrics().counter("input_replies_total", "Answers to clients, by status.",
                                          {{"code", std::to_string(answer.status)}});
  }
  counter->increment();
  Headers headers;
  std::string text;
  if (!answer.text.empty()) {
    headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
    text = answer.text + "\n";
  }
  if (answer.again) {
    headers.emplace_back("Retry-After", kRetryAfterSeconds);
  }
  if (answer.status == 405) {
    headers.emplace_back("Allow", "POST");
  }
  exchange.reply(answer.status, std::move(headers), std::move(text));
}

void LokiPushInput::refuse(HttpExchange& exchange, const Reply& answer, std::string_view reason) {
  context_.metrics()
      .counter("input_rejected_bodies_total",
               "Bodies that were not taken, or not settled in time, by reason.",
               {{"reason", std::string(reason)}})
      .increment();
  context_.log().warn(reason, fmt::format("answered {} to {}: {}", answer.status,
                                          exchange.head().peer, answer.text));
  reply(exchange, answer);
}

namespace {
constexpr Signal kSignals[] = {Signal::logs};
}

}  // namespace tailrace::inputs::loki_push

namespace tailrace {

extern const PluginDescriptor inputs_loki_push_plugin;
const PluginDescriptor inputs_loki_push_plugin =
    define_input<inputs::loki_push::LokiPushInput, inputs::loki_push::LokiPushConfig>(
        {.name = "loki_push",
         .summary = "Receives logs over Loki's push API: from Promtail, Alloy, Fluent Bit, "
                    "Grafana's clients, or another tailrace.",
         .signals = inputs::loki_push::kSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = true},
        inputs::loki_push::loki_push_schema);

}  // namespace tailrace
