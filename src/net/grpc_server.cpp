#include "net/grpc_server.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "tailrace/block.h"

#include "net/listen_socket.h"
#include "net/server_tls.h"

namespace tailrace::net {

namespace {

// A status text travels as a header; clients refuse larger heads than 8 KiB altogether.
constexpr size_t kMaxStatusText = 2048;

}  // namespace

/// A call, as a plugin sees it.
/// Lane: the server's.
class GrpcExchange final : public HttpExchange, public std::enable_shared_from_this<GrpcExchange> {
 public:
  GrpcExchange(LaneGrpcServer& server, std::unique_ptr<GrpcIncoming> call)
      : server_(&server), call_(std::move(call)), head_(std::move(call_->head())) {}

  const HttpRequestHead& head() const noexcept override { return head_; }
  bool replied() const noexcept override { return replied_; }
  void reply(int code, Headers trailers, std::string body) override;

  void serve(HttpHandler& handler);
  /// The server ends; nothing is sent any more.
  void abandon(HttpHandler& handler);

 private:
  LaneGrpcServer* server_;  // null when it is over
  std::unique_ptr<GrpcIncoming> call_;
  HttpRequestHead head_;
  bool replied_ = false;
};

struct GrpcListener::Inbox {
  explicit Inbox(Lane& on) : lane(on) {}

  Lane& lane;
  std::mutex mutex;
  std::vector<std::unique_ptr<GrpcIncoming>> calls;
  std::vector<ServerRefusal> refusals;  // one of each reason at most, however many there are
  bool closed = false;
  LaneGrpcServer* server = nullptr;  // lane only; null when it has gone
};

/// A lane's share of a listener.
class LaneGrpcServer final : public HttpServer {
 public:
  LaneGrpcServer(std::shared_ptr<GrpcListener> listener, std::shared_ptr<GrpcListener::Inbox> inbox,
                 HttpHandler& handler)
      : listener_(std::move(listener)), inbox_(std::move(inbox)), handler_(handler) {
    inbox_->server = this;
  }
  ~LaneGrpcServer() override;

  uint16_t port() const noexcept override { return listener_->server_->port(); }
  void quiesce() override { listener_->server_->drain(); }

  static void take_calls(GrpcListener::Inbox& inbox);
  static void take_refusals(GrpcListener::Inbox& inbox);
  /// Its handler hears of it when the turn ends: it may be in the midst of answering.
  void on_replied(std::shared_ptr<GrpcExchange> exchange);

 private:
  static std::vector<std::unique_ptr<GrpcIncoming>> take(GrpcListener::Inbox& inbox) {
    std::lock_guard lock(inbox.mutex);
    return std::exchange(inbox.calls, {});
  }

  std::shared_ptr<GrpcListener> listener_;
  std::shared_ptr<GrpcListener::Inbox> inbox_;
  HttpHandler& handler_;
  std::unordered_set<std::shared_ptr<GrpcExchange>> exchanges_;
};

void GrpcExchange::serve(HttpHandler& handler) {
  const auto self = shared_from_this();
  const uint64_t limit = handler.on_head(self);
  if (replied_) {
    return;
  }
  const size_t size = call_->message_size();
  if (size > limit) {
    reply(grpc_code::kResourceExhausted, {}, "the message is larger than what is accepted here");
    return;
  }
  Bytes body(size + kBlockPadding);
  call_->take_message(body.data());
  std::memset(body.data() + size, 0, kBlockPadding);
  handler.on_body(self, std::move(body), size);
}

void GrpcExchange::reply(int code, Headers trailers, std::string body) {
  if (std::exchange(replied_, true) || call_ == nullptr) {
    return;
  }
  if (code != grpc_code::kOk && body.size() > kMaxStatusText) {
    body.resize(kMaxStatusText);
  }
  call_->reply(code, std::move(trailers), std::move(body));
  call_.reset();
  server_->on_replied(shared_from_this());
}

void GrpcExchange::abandon(HttpHandler& handler) {
  server_ = nullptr;
  call_.reset();
  handler.on_end(shared_from_this());
}

LaneGrpcServer::~LaneGrpcServer() {
  quiesce();
  inbox_->server = nullptr;
  {
    std::lock_guard lock(inbox_->mutex);
    inbox_->closed = true;
  }
  take(*inbox_).clear();
  for (const auto& exchange : std::exchange(exchanges_, {})) {
    exchange->abandon(handler_);
  }
}

void LaneGrpcServer::take_calls(GrpcListener::Inbox& inbox) {
  for (auto& call : take(inbox)) {
    if (inbox.server == nullptr) {
      return;
    }
    LaneGrpcServer& server = *inbox.server;
    auto exchange = std::make_shared<GrpcExchange>(server, std::move(call));
    server.exchanges_.insert(exchange);
    exchange->serve(server.handler_);
  }
}

void LaneGrpcServer::take_refusals(GrpcListener::Inbox& inbox) {
  std::vector<ServerRefusal> refusals;
  {
    std::lock_guard lock(inbox.mutex);
    refusals.swap(inbox.refusals);
  }
  for (const ServerRefusal& refusal : refusals) {
    if (inbox.server != nullptr) {
      inbox.server->handler_.on_refused(refusal);
    }
  }
}

void LaneGrpcServer::on_replied(std::shared_ptr<GrpcExchange> exchange) {
  inbox_->lane.at_end_of_turn([inbox = inbox_, exchange = std::move(exchange)] {
    if (LaneGrpcServer* self = inbox->server; self && self->exchanges_.erase(exchange) != 0) {
      self->handler_.on_end(exchange);
    }
  });
}

struct GrpcListener::Tls {
  Tls(Lane& on, const TlsServerConfig& given)
      : lane(on),
        config(given),
        files(on, {given.cert_file, given.key_file, given.client_ca_file}) {}

  void use(const WatchedFiles::Contents& contents) {
    auto fresh = std::make_shared<GrpcServerFiles>();
    fresh->certificate = contents.at(config.cert_file);
    fresh->key = contents.at(config.key_file);
    fresh->client_ca = config.client_ca_file.empty() ? "" : contents.at(config.client_ca_file);
    std::lock_guard lock(mutex);
    current = std::move(fresh);
  }
  /// On the lane.
  void look() {
    files.fresh([this](const Status& status, const auto& contents) {
      if (status && contents != used) {
        used = contents;
        use(*contents);
      }
    });
  }

  Lane& lane;
  const TlsServerConfig config;
  WatchedFiles files;  // lane only, like the next one
  std::shared_ptr<const WatchedFiles::Contents> used;
  std::mutex mutex;
  std::shared_ptr<const GrpcServerFiles> current;
};

GrpcListener::GrpcListener(Lane& lane, MemoryAccount& memory)
    : first_lane_(lane), memory_(memory), inboxes_(lane.count()) {}

GrpcListener::~GrpcListener() = default;

Result<std::shared_ptr<GrpcListener>> GrpcListener::make(GrpcTransport& transport, Lane& lane,
                                                         const GrpcServerConfig& config,
                                                         MemoryAccount& memory) {
  std::shared_ptr<GrpcListener> listener(new GrpcListener(lane, memory));
  if (const Status open = listener->open(transport, config); !open) {
    return tl::unexpected<Error>(open.error());
  }
  return listener;
}

Status GrpcListener::open(GrpcTransport& transport, const GrpcServerConfig& config) {
  GrpcServerConfig wanted = config;
  if (config.listen.starts_with(':')) {
    wanted.listen = "[::]" + config.listen;
  }
  if (config.tls) {
    // gRPC would say no more than that it cannot listen.
    if (const auto good = ServerTls::make(first_lane_, *config.tls); !good) {
      return tl::unexpected<Error>(good.error());
    }
    tls_ = std::make_shared<Tls>(first_lane_, *config.tls);
    if (const Status loaded = tls_->files.load_now(); !loaded) {
      return fail(loaded.error().code, "tls: " + loaded.error().message);
    }
    tls_->used = tls_->files.last();
    tls_->use(*tls_->used);
  }
  // The same for an address that is in use, or none.
  const auto probe = open_listen_socket(config.listen, false);
  if (!probe) {
    return tl::unexpected<Error>(probe.error());
  }
  close(probe->fd);
  auto server = transport.listen(wanted, *this);
  if (!server) {
    return tl::unexpected<Error>(server.error());
  }
  server_ = std::move(*server);
  return {};
}

Result<std::unique_ptr<HttpServer>> GrpcListener::attach(std::shared_ptr<GrpcListener> listener,
                                                         Lane& lane, HttpHandler& handler) {
  GrpcListener& self = *listener;
  std::shared_ptr<Inbox>& inbox = self.inboxes_.at(lane.id());
  if (inbox != nullptr) {
    return fail(ErrorCode::conflict, "this lane listens there already");
  }
  inbox = std::make_shared<Inbox>(lane);
  auto server = std::make_unique<LaneGrpcServer>(std::move(listener), inbox, handler);
  if (++self.attached_ == self.inboxes_.size()) {
    self.server_->start();
  }
  return std::unique_ptr<HttpServer>(std::move(server));
}

const std::shared_ptr<GrpcListener::Inbox>& GrpcListener::inbox_of(const std::string& peer) const {
  return inboxes_[std::hash<std::string>()(peer) % inboxes_.size()];
}

void GrpcListener::on_call(std::unique_ptr<GrpcIncoming> call) {
  const std::shared_ptr<Inbox>& inbox = inbox_of(call->head().peer);
  bool was_empty = false;
  {
    std::lock_guard lock(inbox->mutex);
    if (inbox->closed) {
      return;  // answered by its end
    }
    was_empty = inbox->calls.empty();
    inbox->calls.push_back(std::move(call));
  }
  if (was_empty) {
    inbox->lane.post([inbox] { LaneGrpcServer::take_calls(*inbox); });
  }
}

void GrpcListener::on_refused(ServerRefusal refusal) {
  const std::shared_ptr<Inbox>& inbox = inbox_of(refusal.peer);
  bool was_empty = false;
  {
    std::lock_guard lock(inbox->mutex);
    if (inbox->closed) {
      return;
    }
    was_empty = inbox->refusals.empty();
    const auto known = std::ranges::find(inbox->refusals, refusal.reason, &ServerRefusal::reason);
    if (known != inbox->refusals.end()) {
      known->times += refusal.times;
    } else {
      inbox->refusals.push_back(std::move(refusal));
    }
  }
  if (was_empty) {
    inbox->lane.post([inbox] { LaneGrpcServer::take_refusals(*inbox); });
  }
}

std::shared_ptr<const GrpcServerFiles> GrpcListener::files() {
  first_lane_.post([tls = std::weak_ptr<Tls>(tls_)] {
    if (const auto self = tls.lock()) {
      self->look();
    }
  });
  std::lock_guard lock(tls_->mutex);
  return tls_->current;
}

}  // namespace tailrace::net
