#include "testkit/fake_listeners.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "tailrace/block.h"
#include "tailrace/growing_body.h"

namespace tailrace::testkit {

namespace {

class FakeExchange final : public HttpExchange {
 public:
  FakeExchange(HttpRequestHead head, std::shared_ptr<FakeAnswer> answer)
      : head_(std::move(head)), answer_(std::move(answer)) {}

  const HttpRequestHead& head() const noexcept override { return head_; }
  void reply(int status, Headers headers, std::string body) override {
    if (replied_) {
      return;
    }
    replied_ = true;
    if (over_) {
      return;  // the client has gone
    }
    answer_->status = status;
    answer_->headers = std::move(headers);
    answer_->body = std::move(body);
    if (on_reply_ != nullptr) {
      on_reply_();
    }
  }
  bool replied() const noexcept override { return replied_; }

  void on_reply(std::function<void()> call) { on_reply_ = std::move(call); }
  /// The connection ends: what is replied from now on goes nowhere.
  void end() {
    over_ = true;
    on_reply_ = nullptr;
    answer_->connection_lost = answer_->status == 0;
  }

 private:
  HttpRequestHead head_;
  std::shared_ptr<FakeAnswer> answer_;
  std::function<void()> on_reply_;
  bool replied_ = false;
  bool over_ = false;
};

}  // namespace

class FakeHttpServer final : public HttpServer {
 public:
  FakeHttpServer(Lane& lane, HttpHandler& handler, uint16_t port,
                 std::shared_ptr<FakeListeners::Servers> servers)
      : lane_(lane), handler_(handler), port_(port), servers_(std::move(servers)) {
    servers_->emplace(std::make_pair(port, lane.id()), this);
  }
  ~FakeHttpServer() override {
    quiesce();
    const auto open = std::exchange(open_, {});
    for (const auto& exchange : open) {
      exchange->end();
      handler_.on_end(exchange);
    }
  }
  uint16_t port() const noexcept override { return port_; }
  void quiesce() override {
    const auto at = servers_->find({port_, lane_.id()});
    if (at != servers_->end() && at->second == this) {
      servers_->erase(at);
    }
  }

  void take(const std::shared_ptr<FakeExchange>& exchange, std::string_view body) {
    open_.insert(exchange);
    exchange->on_reply(
        [this, alive = std::weak_ptr<bool>(alive_), weak = std::weak_ptr<FakeExchange>(exchange)] {
          // The handler hears of the end in a later turn, as from a real server.
          lane_.post([this, alive, weak] {
            if (!alive.expired()) {
              over(weak.lock());
            }
          });
        });
    const uint64_t limit = handler_.on_head(exchange);
    if (exchange->replied()) {
      return;
    }
    if (body.size() > limit) {
      handler_.on_refused({.reason = ServerRefusal::Reason::too_large,
                           .status = 413,
                           .peer = exchange->head().peer,
                           .text = "the body is larger than it may be"});
      exchange->reply(413, {}, "");
      return;
    }
    if (!exchange->head().content_length) {
      auto* growing = dynamic_cast<GrowingBodyHandler*>(&handler_);
      for (const uint64_t room : {body.size() / 2 + kBlockPadding, body.size() + kBlockPadding}) {
        if (growing != nullptr) {
          if (growing->on_growth(exchange, room, room) == 0) {
            return;
          }
          growing->on_grown(exchange, room);
        }
      }
    }
    // Exactly the promised padding, so that a sanitizer sees who reads further.
    Bytes padded(body.size() + kBlockPadding);
    std::memcpy(padded.data(), body.data(), body.size());
    std::memset(padded.data() + body.size(), 'P', kBlockPadding);
    handler_.on_body(exchange, std::move(padded), body.size());
  }

 private:
  void over(const std::shared_ptr<FakeExchange>& exchange) {
    if (exchange != nullptr && open_.erase(exchange) == 1) {
      exchange->end();
      handler_.on_end(exchange);
    }
  }

  Lane& lane_;
  HttpHandler& handler_;
  uint16_t port_;
  std::shared_ptr<FakeListeners::Servers> servers_;
  std::set<std::shared_ptr<FakeExchange>> open_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

Result<std::unique_ptr<HttpServer>> FakeListeners::listen(Lane& lane,
                                                          const HttpServerConfig& config,
                                                          HttpHandler& handler, bool share_port) {
  const size_t colon = config.listen.rfind(':');
  uint16_t port = static_cast<uint16_t>(std::stoul(config.listen.substr(colon + 1)));
  if (port == 0) {
    port = next_free_port_++;
  }
  for (const auto& [key, server] : *servers_) {
    if (key.first == port && (!share_port || key.second == lane.id())) {
      return fail(ErrorCode::conflict, config.listen + ": somebody else listens there");
    }
  }
  return std::unique_ptr<HttpServer>(
      std::make_unique<FakeHttpServer>(lane, handler, port, servers_));
}

std::shared_ptr<const FakeAnswer> FakeListeners::request(uint16_t port, std::string method,
                                                         std::string path, Headers headers,
                                                         std::string_view body, uint32_t lane) {
  auto answer = std::make_shared<FakeAnswer>();
  if (port == 0 && !servers_->empty()) {
    port = servers_->begin()->first.first;
  }
  const auto server = servers_->find({port, lane});
  if (server == servers_->end()) {
    answer->connection_lost = true;
    return answer;
  }
  HttpRequestHead head;
  head.method = std::move(method);
  const size_t question = path.find('?');
  head.path = path.substr(0, question);
  head.query = question == std::string::npos ? "" : path.substr(question + 1);
  head.headers = std::move(headers);
  const bool is_chunked = std::ranges::any_of(
      head.headers, [](const auto& header) { return header.first == "transfer-encoding"; });
  if (!is_chunked) {
    head.content_length = body.size();
  }
  head.peer = "127.0.0.1:9";
  server->second->take(std::make_shared<FakeExchange>(std::move(head), answer), body);
  return answer;
}

}  // namespace tailrace::testkit
