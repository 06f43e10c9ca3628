#include "opaque_input.h"

#include <utility>

#include "frames.h"
#include "opaque_batch.h"

namespace tailrace::contract {

const BatchType OpaqueBatch::kType{"opaque", Signal::traces};

const Schema& opaque_input_schema() {
  static const Schema schema = Schema::of<OpaqueInputConfig>({
      option("listen", &OpaqueInputConfig::listen, "Address and port.").required(),
      option("max_body", &OpaqueInputConfig::max_body, "A larger body gets 413.")
          .range("1KiB", "16MiB"),
      option("reply_timeout", &OpaqueInputConfig::reply_timeout,
             "A client is told to try again after this time.")
          .range("10ms", "10m"),
  });
  return schema;
}

std::vector<ListenAddress> OpaqueInputConfig::listens() const {
  return {{"listen", listen}};
}

/// The pending answer to one client.
class OpaqueInput::Reply final : public Receipt {
 public:
  Reply(OpaqueInput& input, std::shared_ptr<HttpExchange> exchange)
      : Receipt(true, false),
        exchange_(std::move(exchange)),
        timeout_(input.context_.lane().timer(
            [exchange = exchange_] { exchange->reply(503, {}, "timeout\n"); })) {
    timeout_->start(
        std::chrono::duration_cast<std::chrono::milliseconds>(input.config_->reply_timeout));
  }

 private:
  void on_worse(Outcome, std::string_view reason) noexcept override { reason_ = reason; }
  void released(Outcome worst) noexcept override {
    switch (worst) {
      case Outcome::settled:
        exchange_->reply(204, {}, "");
        break;
      case Outcome::refused:
        exchange_->reply(400, {}, reason_ + "\n");
        break;
      case Outcome::dropped:
      case Outcome::abandoned:
        exchange_->reply(503, {}, reason_ + "\n");
        break;
    }
    delete this;
  }

  const std::shared_ptr<HttpExchange> exchange_;
  const std::unique_ptr<Timer> timeout_;
  std::string reason_;
};

OpaqueInput::OpaqueInput(std::shared_ptr<const OpaqueInputConfig> config, InputContext& context)
    : config_(std::move(config)), context_(context) {}

OpaqueInput::~OpaqueInput() {
  server_.reset();  // still calls on_end
}

Status OpaqueInput::open() {
  HttpServerConfig config;
  config.listen = config_->listen;
  auto server = context_.http_server(config, *this);
  if (!server) {
    return tl::unexpected<Error>(server.error());
  }
  server_ = std::move(*server);
  return {};
}

void OpaqueInput::start() {
  if (context_.once()) {
    context_.finished();  // what is not there yet is not waited for
  }
}

void OpaqueInput::stop() {
  stopped_ = true;
  server_->quiesce();
}

void OpaqueInput::answer(HttpExchange& exchange, int status, std::string_view why) {
  context_.metrics()
      .counter("opaque_refused_bodies_total", "Bodies that were not taken, by reason.",
               {{"reason", std::string(why)}})
      .increment();
  Headers headers;
  if (status == 429) {
    headers.emplace_back("Retry-After", "1");
  }
  exchange.reply(status, std::move(headers), std::string(why) + "\n");
}

uint64_t OpaqueInput::on_head(const std::shared_ptr<HttpExchange>& exchange) {
  const HttpRequestHead& head = exchange->head();
  const uint64_t largest = config_->max_body.bytes;
  const uint64_t size = head.content_length.value_or(largest);
  if (stopped_) {
    answer(*exchange, 503, "stopping");
  } else if (head.method != "POST" || head.path != "/") {
    answer(*exchange, 404, "not_found");
  } else if (size > largest) {
    answer(*exchange, 413, "too_large");
  } else if (!context_.feed().credit(size)) {
    answer(*exchange, 429, "no_credit");
  } else if (!context_.memory().reserve(size)) {
    answer(*exchange, 429, "no_memory");
  } else {
    reserved_[exchange.get()] = size;
    return size;
  }
  return 0;
}

void OpaqueInput::on_body(const std::shared_ptr<HttpExchange>& exchange, Bytes body, size_t size) {
  const auto frames = read_frames(std::string_view(body.data(), size));
  if (!frames || frames->empty()) {
    answer(*exchange, 400, frames ? "empty" : "malformed");
  } else if (!context_.feed().credit(size)) {
    // There was room when the head came; others have used it since.
    answer(*exchange, 429, "no_credit");
  } else {
    context_.feed().begin_unit();
    Arena& arena = context_.lane().arena();
    OpaqueBatch batch;
    batch.messages = arena.array<std::string_view>(frames->size());
    for (const std::string_view message : *frames) {
      batch.messages[batch.size++] = message;
    }
    const ReceiptRef receipt(new Reply(*this, exchange));
    batch.receipt = receipt.get();
    context_.feed().push(batch);
  }
  give_back(exchange.get());
}

void OpaqueInput::on_end(const std::shared_ptr<HttpExchange>& exchange) {
  give_back(exchange.get());
}

void OpaqueInput::give_back(const HttpExchange* exchange) {
  const auto at = reserved_.find(exchange);
  if (at != reserved_.end()) {
    context_.memory().release(at->second);
    reserved_.erase(at);
  }
}

}  // namespace tailrace::contract
