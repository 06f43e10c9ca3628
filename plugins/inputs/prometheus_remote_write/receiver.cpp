#include "plugins/inputs/prometheus_remote_write/receiver.h"

#include <algorithm>

#include <fmt/format.h>

#include "tailrace/block.h"
#include "tailrace/plugin.h"

#include "codec/snappy.h"
#include "codec/utf8.h"
#include "plugins/inputs/prometheus_remote_write/write_head.h"

namespace tailrace::inputs::prometheus_remote_write {

using common::prom::DecodedSeries;
using common::prom::WriteReader;
using common::prom::WriteTotals;
using common::prom::WriteVersion;

namespace {

/// What a client that is told to come again is asked to wait. Credit and memory come back within a
/// second or so when outputs are well.
constexpr const char* kRetryAfterSeconds = "1";
/// A body that took more leaves no scratch memory behind.
constexpr size_t kKeptScratchBytes = 4 << 20;

/// Source bytes for which credit is asked: what the samples become, and samples of few bytes need
/// room as well.
size_t credit_bytes(const WriteTotals& totals, size_t body_size) {
  const uint64_t by_records = totals.records() / kMaxUnitRecords * kMaxBlockBytes;
  return std::max<uint64_t>({totals.bytes, body_size, by_records, 1});
}

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::limit:
      return 413;
    case ErrorCode::no_space:
      return 429;
    case ErrorCode::unsupported:
      return 415;
    default:
      return 400;
  }
}

std::string_view reason_of(int status) {
  switch (status) {
    case 413:
      return "too_large";
    case 415:
      return "headers";
    case 429:
      return "memory";
    default:
      return "invalid";
  }
}

/// 2.0: how much was written, on success and on failure.
Headers written_headers(const WriteTotals& totals) {
  return {{std::string(common::prom::kSamplesWrittenHeader), std::to_string(totals.samples)},
          {std::string(common::prom::kHistogramsWrittenHeader), std::to_string(totals.histograms)},
          {std::string(common::prom::kExemplarsWrittenHeader), std::to_string(totals.exemplars)}};
}

}  // namespace

Receiver::Receiver(std::shared_ptr<const ReceiverConfig> config, InputContext& context)
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

Receiver::~Receiver() {
  replies_->close();
}

Status Receiver::open() {
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

void Receiver::start() {
  if (context_.once()) {
    context_.finished();  // there is never more to read than what clients choose to send
  }
}

void Receiver::stop() {
  stopping_ = true;
  if (server_ != nullptr) {
    server_->quiesce();
  }
}

std::vector<SourceStatus> Receiver::sources() const {
  SourceStatus status;
  status.name = fmt::format("{} (port {})", config_->listen, server_ ? server_->port() : 0);
  status.position = taken_bytes_;
  status.size = taken_bytes_;
  status.waiting_bytes = replies_->unsettled_bytes();
  status.settled = taken_bytes_ - status.waiting_bytes;
  status.state = stopping_ ? "stopping" : "listening";
  return {std::move(status)};
}

void Receiver::update_gauges() {
  size_t incoming = 0;
  for (const auto& [exchange, memory] : incoming_) {
    incoming += memory.bytes();
  }
  incoming_gauge_.set(static_cast<double>(incoming));
  waiting_gauge_.set(static_cast<double>(replies_->waiting()));
}

uint64_t Receiver::on_head(const ExchangePtr& exchange) {
  const HttpRequestHead& head = exchange->head();
  if (head.path == "/ready" || head.path == "/-/ready") {
    reply(*exchange, {stopping_ ? 503 : 200, stopping_ ? "stopping" : "ready"});
    return 0;
  }
  if (!is_write_path(head.path)) {
    reply(*exchange, {404, "not found; remote write goes to /api/v1/write"});
    return 0;
  }
  if (head.method != "POST") {
    reply(*exchange, {405, "POST remote write to this path"});
    return 0;
  }
  if (stopping_) {
    refuse(*exchange, {503, "shutting down; send it again", true}, "stopping");
    return 0;
  }
  if (const auto version = read_write_head(head); !version) {
    refuse(*exchange, {415, version.error().message}, "headers");
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

void Receiver::on_end(const ExchangePtr& exchange) {
  incoming_.erase(exchange.get());
}

void Receiver::on_body(const ExchangePtr& exchange, Bytes body_and_padding, size_t body_size) {
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
  const auto checked =
      check(exchange->head(), body_and_padding.view().substr(0, body_size), memory);
  if (!checked) {
    const int status = status_of(checked.error().code);
    refuse(*exchange, {status, checked.error().message, status == 429}, reason_of(status));
  } else {
    const WriteTotals& totals = checked->totals;
    if (totals.records() + totals.exemplars > 0 &&
        !context_.feed().credit(credit_bytes(totals, checked->body.size()))) {
      refuse(*exchange, {429, "the outputs have no room now; send it again later", true}, "credit");
    } else {
      bodies_.increment();
      body_bytes_.add(body_size);
      taken_bytes_ += body_size;
      take(exchange, *checked, body_size);
    }
  }
  if (memory.bytes() > kKeptScratchBytes) {
    reader_.release();
    filler_.release();
  }
}

Result<Receiver::Checked> Receiver::check(const HttpRequestHead& head, std::string_view body,
                                          Reservation& memory) {
  const auto version = read_write_head(head);
  if (!version) {
    return tl::unexpected(version.error());
  }
  if (body.empty()) {
    return fail(ErrorCode::invalid, "the body is empty");
  }
  const uint64_t limit = config_->max_decompressed_bytes();
  const auto declared = codec::snappy_declared_size(body);
  if (!declared) {
    return tl::unexpected(declared.error());
  }
  // A length over the limit is refused by snappy_uncompress, without memory.
  if (*declared <= limit &&
      !memory.grow(*declared + WriteReader::scratch_bytes(*version, *declared))) {
    return fail(ErrorCode::no_space, "no memory for this body now; send it again later");
  }
  auto unpacked = codec::snappy_uncompress(body, limit);
  if (!unpacked) {
    return tl::unexpected(unpacked.error());
  }
  const auto totals = reader_.check(*version, unpacked->view());
  if (!totals) {
    return tl::unexpected(totals.error());
  }
  const std::string_view tenant = head.header("x-scope-orgid");
  if (!config_->tenant_label.empty() &&
      (!codec::valid_utf8(tenant) || tenant.find('|') != std::string_view::npos)) {
    return fail(ErrorCode::invalid, "X-Scope-OrgID does not name one tenant");
  }
  return Checked{*version, std::move(*unpacked), *totals};
}

/// Everything was checked and there is room: from here on nothing can be refused.
void Receiver::take(const ExchangePtr& exchange, const Checked& checked, size_t body_size) {
  if (checked.totals.metadata > 0) {
    reader_.read_metadata(checked.body.view(),
                          [this](const auto& metadata) { families_.learn(metadata); });
  }
  Reply done;
  if (checked.version == WriteVersion::v2) {
    done.headers = written_headers(checked.totals);
  }
  const bool waits =
      config_->ack == Ack::settled && checked.totals.records() + checked.totals.exemplars > 0;
  const std::string_view tenant =
      config_->tenant_label.empty() ? std::string_view() : exchange->head().header("x-scope-orgid");
  {
    // Held until all of the body is pushed, so that it cannot be released half-way.
    const ReceiptRef receipt = waits ? replies_->open(exchange, body_size, done) : ReceiptRef();
    Arena& arena = context_.lane().arena();
    uint64_t pushed = 0;
    context_.feed().begin_unit();
    reader_.read(checked.version, checked.body.view(), arena, [&](const DecodedSeries& series) {
      filler_.add(series, families_, config_->tenant_label, tenant, arena);
      if (filler_.full()) {
        push(series.offset - pushed, receipt.get());
        pushed = series.offset;
        context_.feed().begin_unit();
      }
    });
    if (!filler_.empty()) {
      push(checked.body.size() - pushed, receipt.get());
    }
    filler_.clear();
  }
  if (!waits) {
    reply(*exchange, std::move(done));
  }
}

void Receiver::push(uint64_t source_bytes, Receipt* receipt) {
  MetricBatch batch = filler_.batch();
  batch.receipt = receipt;
  batch.source_bytes = source_bytes;
  context_.feed().push(batch);
  filler_.clear();
}

void Receiver::reply(HttpExchange& exchange, Reply answer) {
  Counter*& counter = replied_[answer.status];
  if (counter == nullptr) {
    counter = &context_.metrics().counter("input_replies_total", "Answers to clients, by status.",
                                          {{"code", std::to_string(answer.status)}});
  }
  counter->increment();
  Headers headers = std::move(answer.headers);
  if (answer.status >= 400 && is_write_path(exchange.head().path)) {
    const auto version = read_write_head(exchange.head());
    if (version && *version == WriteVersion::v2) {
      headers = written_headers({});
    }
  }
  std::string text;
  if (!answer.text.empty()) {
    headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
    text = std::move(answer.text) + "\n";
  }
  if (answer.again) {
    headers.emplace_back("Retry-After", kRetryAfterSeconds);
  }
  if (answer.status == 405) {
    headers.emplace_back("Allow", "POST");
  }
  exchange.reply(answer.status, std::move(headers), std::move(text));
}

void Receiver::refuse(HttpExchange& exchange, Reply answer, std::string_view reason) {
  context_.metrics()
      .counter("input_rejected_bodies_total",
               "Bodies that were not taken, or not settled in time, by reason.",
               {{"reason", std::string(reason)}})
      .increment();
  context_.log().warn(reason, fmt::format("answered {} to {}: {}", answer.status,
                                          exchange.head().peer, answer.text));
  reply(exchange, std::move(answer));
}

namespace {
constexpr Signal kSignals[] = {Signal::metrics};
}

}  // namespace tailrace::inputs::prometheus_remote_write

namespace tailrace {

extern const PluginDescriptor inputs_prometheus_remote_write_plugin;
const PluginDescriptor inputs_prometheus_remote_write_plugin =
    define_input<inputs::prometheus_remote_write::Receiver,
                 inputs::prometheus_remote_write::ReceiverConfig>(
        {.name = "prometheus_remote_write",
         .summary = "Receives metrics over remote write 1.0 and 2.0: from Prometheus, vmagent, "
                    "Grafana Alloy, or another tailrace.",
         .signals = inputs::prometheus_remote_write::kSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = true},
        inputs::prometheus_remote_write::receiver_schema);

}  // namespace tailrace
