#include "plugins/common/receiver/body_receiver.h"

#include <algorithm>

#include <fmt/format.h>

#include "tailrace/block.h"

#include "codec/utf8.h"

namespace tailrace::common::receiver {

namespace {

/// What a client that is told to come again is asked to wait. Credit and memory come back within a
/// second or so when outputs are well.
constexpr const char* kRetryAfterSeconds = "1";
/// A body that took more leaves no scratch memory behind.
constexpr size_t kKeptScratchBytes = 4 << 20;
constexpr size_t kShownPathBytes = 100;

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

/// How a server's own refusal is counted, and what whoever runs the agent can do about it.
struct RefusalWords {
  std::string_view reason;
  std::string_view advice;
};

RefusalWords words_of(const ServerRefusal& refusal) {
  using Reason = ServerRefusal::Reason;
  switch (refusal.reason) {
    case Reason::too_large:
      return {reason_of(413), refusal.is_grpc ? "let clients send smaller batches, or raise "
                                                "grpc.max_message_size"
                                              : "let clients send smaller batches, or raise "
                                                "max_body_size"};
    case Reason::malformed:
      return {"headers", "look at the client"};
    case Reason::too_many_calls:
      return {"too_many_calls", "raise grpc.max_calls if the outputs are well"};
    case Reason::no_memory:
      return {reason_of(429), "raise agent.memory_limit"};
    case Reason::too_slow:
      return {"too_slow", refusal.is_grpc ? "look at the client's network, or raise "
                                            "grpc.read_timeout"
                                          : "look at the client's network, or raise idle_timeout"};
    case Reason::incomplete:
      return {"incomplete",
              "the client has gone, or its message is far larger than "
              "grpc.max_message_size"};
    case Reason::full_connections:
      return {"full_connections", "raise max_connections"};
  }
  return {};
}

}  // namespace

BodyReceiver::BodyReceiver(const BodyConfig& config, InputContext& context)
    : config_(config),
      context_(context),
      replies_(std::make_shared<ReplyBook>(
          context.lane(), config_.reply_timeout,
          [this](HttpExchange& exchange, const Reply& answer) {
            if (answer.status < 400) {
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

Status BodyReceiver::open() {
  return serve(*listen_);
}

Status BodyReceiver::serve(const ListenConfig& door) {
  HttpServerConfig server;
  server.listen = door.listen;
  server.tls = door.tls;
  server.max_connections = door.max_connections;
  server.idle_timeout = door.idle_timeout;
  return add_door(door.listen, context_.http_server(server, *this), "");
}

Status BodyReceiver::serve(const GrpcServerConfig& door) {
  return add_door(door.listen, context_.grpc_server(door, *this), " for gRPC");
}

Status BodyReceiver::add_door(const std::string& listen, Result<std::unique_ptr<HttpServer>> made,
                              std::string_view what) {
  if (!made) {
    return tl::unexpected(made.error());
  }
  const Door& door = doors_.emplace_back(Door{listen, std::move(*made)});
  if (context_.lane().id() == 0) {  // all lanes share the port
    context_.log().info("listening",
                        fmt::format("listening on {}:{}{}", listen.substr(0, listen.rfind(':')),
                                    door.server->port(), what));
  }
  return {};
}

void BodyReceiver::start() {
  if (context_.once()) {
    context_.finished();  // there is never more to read than what clients choose to send
  }
}

void BodyReceiver::stop() {
  stopping_ = true;
  for (const Door& door : doors_) {
    door.server->quiesce();
  }
}

std::vector<SourceStatus> BodyReceiver::sources() const {
  SourceStatus status;
  for (const Door& door : doors_) {
    status.name += fmt::format("{}{} (port {})", status.name.empty() ? "" : ", ", door.listen,
                               door.server->port());
  }
  status.position = taken_bytes_;
  status.size = taken_bytes_;
  status.waiting_bytes = replies_->unsettled_bytes();
  status.settled = taken_bytes_ - status.waiting_bytes;
  status.state = stopping_ ? "stopping" : "listening";
  return {std::move(status)};
}

void BodyReceiver::update_gauges() {
  size_t incoming = 0;
  for (const auto& [exchange, memory] : incoming_) {
    incoming += memory.bytes();
  }
  incoming_gauge_.set(static_cast<double>(incoming));
  waiting_gauge_.set(static_cast<double>(replies_->waiting()));
}

uint64_t BodyReceiver::on_head(const ExchangePtr& exchange) {
  const HttpRequestHead& head = exchange->head();
  if (answers_itself(*exchange)) {
    return 0;
  }
  if (is_ready_path(head.path)) {
    reply(*exchange, {stopping_ ? 503 : 200, stopping_ ? "stopping" : "ready"});
    return 0;
  }
  if (!is_body_path(head.path)) {
    if (head.method == "POST") {  // data that goes astray, and not somebody who looks around
      refuse(*exchange,
             {404, fmt::format("no data is taken at {}; {}", head.path.substr(0, kShownPathBytes),
                               where())},
             "path");
    } else {
      reply(*exchange, {404, fmt::format("not found; {}", where())});
    }
    return 0;
  }
  if (head.method != "POST") {
    reply(*exchange, {405, fmt::format("POST {} to this path", what())});
    return 0;
  }
  if (stopping_) {
    refuse(*exchange, {503, "shutting down; send it again", true}, "stopping");
    return 0;
  }
  if (const Status good = check_head(head); !good) {
    refuse(*exchange, {status_of(good.error().code), good.error().message}, "headers");
    return 0;
  }
  const uint64_t limit = config_.max_body_size.bytes;
  if (head.content_length.value_or(0) > limit) {
    refuse(*exchange, {413, fmt::format("the body is larger than max_body_size, {} bytes", limit)},
           "too_large");
    return 0;
  }
  Reservation memory(context_.memory());
  if (head.content_length) {  // else on_growth() is asked
    // A gRPC message has come already, and stays where it is until it is copied.
    const uint64_t beside = head.is_grpc ? *head.content_length : 0;
    if (const Status room = memory.grow(*head.content_length + kBlockPadding, beside); !room) {
      refuse(*exchange, room.error());
      return 0;
    }
  }
  if (!admit(*exchange, std::max<uint64_t>(head.content_length.value_or(1), 1))) {
    return 0;
  }
  incoming_.emplace(exchange.get(), std::move(memory));
  return limit;
}

uint64_t BodyReceiver::on_growth(const ExchangePtr& exchange, uint64_t least, uint64_t most) {
  const auto incoming = incoming_.find(exchange.get());
  if (incoming == incoming_.end()) {
    return 0;
  }
  // While it is copied there are both, the old room and the new.
  Reservation& memory = incoming->second;
  if (memory.grow(most)) {
    return most;
  }
  if (const Status some = memory.grow(least); !some) {
    incoming_.erase(incoming);  // the rest may take long to come, and is not kept
    refuse(*exchange, some.error());
    return 0;
  }
  return least;
}

void BodyReceiver::on_grown(const ExchangePtr& exchange, uint64_t room) {
  if (const auto incoming = incoming_.find(exchange.get()); incoming != incoming_.end()) {
    incoming->second.shrink(room);
  }
}

void BodyReceiver::on_end(const ExchangePtr& exchange) {
  incoming_.erase(exchange.get());
}

void BodyReceiver::on_body(const ExchangePtr& exchange, Bytes body_and_padding, size_t body_size) {
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
  on_whole_body(exchange, std::move(body_and_padding), body_size, memory);
  if (memory.bytes() > kKeptScratchBytes) {
    release_scratch();
  }
}

int BodyReceiver::status_of(ErrorCode code) const {
  switch (code) {
    case ErrorCode::limit:
      return 413;
    case ErrorCode::no_space:
      return 429;
    default:
      return 400;
  }
}

std::string_view BodyReceiver::tenant_of(const HttpRequestHead& head) const {
  return config_.tenant_label.empty() ? std::string_view() : head.header("x-scope-orgid");
}

Status BodyReceiver::check_tenant(const HttpRequestHead& head) const {
  const std::string_view tenant = tenant_of(head);
  if (!codec::valid_utf8(tenant) || tenant.find('|') != std::string_view::npos) {
    return fail(ErrorCode::invalid, "X-Scope-OrgID does not name one tenant");
  }
  return {};
}

void BodyReceiver::count_taken(size_t body_size) {
  bodies_.increment();
  body_bytes_.add(body_size);
  taken_bytes_ += body_size;
}

Counter& BodyReceiver::reply_counter(int status) {
  Counter*& counter = replied_[status];
  if (counter == nullptr) {
    counter = &context_.metrics().counter("input_replies_total", "Answers to clients, by status.",
                                          {{"code", std::to_string(status)}});
  }
  return *counter;
}

void BodyReceiver::reply(HttpExchange& exchange, Reply answer) {
  reply_counter(answer.status).increment();
  Headers headers =
      answer.status >= 400 ? error_headers(exchange.head()) : std::move(answer.headers);
  if (answer.again) {
    headers.emplace_back("Retry-After", kRetryAfterSeconds);
  }
  if (answer.status == 405) {
    headers.emplace_back("Allow", "POST");
  }
  send(exchange, answer, std::move(headers));
}

void BodyReceiver::send(HttpExchange& exchange, const Reply& answer, Headers headers) {
  std::string body;
  if (!answer.text.empty()) {
    headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
    body = answer.text + "\n";
  }
  exchange.reply(answer.status, std::move(headers), std::move(body));
}

void BodyReceiver::count_refused(std::string_view reason, uint64_t times) {
  context_.metrics()
      .counter("input_rejected_bodies_total",
               "Bodies that were not taken, or not settled in time, by reason.",
               {{"reason", std::string(reason)}})
      .add(times);
}

void BodyReceiver::on_refused(const ServerRefusal& refusal) {
  const RefusalWords words = words_of(refusal);
  if (refusal.reason == ServerRefusal::Reason::full_connections) {
    context_.metrics()
        .counter("input_full_connections_total",
                 "Times that max_connections were open, so that further clients had to wait.")
        .add(refusal.times);
    context_.log().warn(words.reason, fmt::format("{}; {}", refusal.text, words.advice));
    return;
  }
  count_refused(words.reason, refusal.times);
  if (refusal.status != 0) {
    reply_counter(refusal.status).add(refusal.times);
  }
  context_.log().warn(
      words.reason,
      fmt::format("refused a {} from {}{}: {}; {}", refusal.is_grpc ? "gRPC call" : "body",
                  refusal.peer,
                  refusal.times > 1 ? fmt::format(" and {} more", refusal.times - 1) : "",
                  refusal.text, words.advice));
}

void BodyReceiver::refuse(HttpExchange& exchange, Reply answer, std::string_view reason) {
  count_refused(reason, 1);
  const HttpRequestHead& head = exchange.head();
  context_.log().warn(
      reason, head.is_grpc
                  ? fmt::format("refused a gRPC call from {}: {}", head.peer, answer.text)
                  : fmt::format("answered {} to {}: {}", answer.status, head.peer, answer.text));
  reply(exchange, std::move(answer));
}

void BodyReceiver::refuse(HttpExchange& exchange, const Error& error) {
  const int status = status_of(error.code);
  refuse(exchange, {status, error.message, status == 429}, reason_of(status));
}

bool BodyReceiver::admit(HttpExchange& exchange, size_t bytes) {
  Feed& feed = context_.feed();
  if (!feed.credit(bytes)) {
    refuse(exchange, {429, "the outputs have no room now; send it again later", true}, "credit");
    return false;
  }
  if (config_.ack == Ack::settled && !feed.may_settle()) {
    refuse(
        exchange,
        {unsettled_status(),
         "an output takes nothing now and its buffer on disk is full; send it again later", true},
        "credit");
    return false;
  }
  return true;
}

}  // namespace tailrace::common::receiver
