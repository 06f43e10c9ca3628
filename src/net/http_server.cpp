#include "net/http_server.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tailrace/log.h"

#include "net/lingering.h"
#include "net/listen_socket.h"
#include "net/process.h"
#include "net/response_cache.h"
#include "net/server_exchange.h"
#include "net/server_tls.h"

namespace tailrace::net {

namespace {

constexpr int64_t kSecond = 1'000'000'000;
// Per connection, for the head and as buffer of the body on its way to where it is kept.
constexpr size_t kConnectionMemory = 32 * 1024;
// libmicrohttpd reads into half of that, and into an eighth of what is free more as long as fewer
// bytes than these can be read: always, so that a read takes some 20 KiB.
constexpr size_t kReadAtLeast = kConnectionMemory;
// Who sends slower than this over a whole idle_timeout holds memory hostage.
constexpr int64_t kLeastBytesPerSecond = 256;
// An answer that is not taken within so many idle_timeouts is given up.
constexpr int64_t kSendTimeouts = 10;
constexpr int64_t kHandshakeNs = 10 * kSecond;
// See MhdServer::wait_ms.
constexpr uint64_t kHandshakeWaitMs = 2;
constexpr uint64_t kAnswerWaitMs = 2;
// See MhdServer::on_whole.
constexpr int kMostAtHand = 16;
// Others of the lane have a turn after so many.
constexpr int kRunsInTurn = 8;

class MhdServer final : public HttpServer {
 public:
  MhdServer(Lane& lane, const HttpServerConfig& config, HttpHandler& handler,
            const ListenSocket& listen, std::unique_ptr<ServerTls> tls)
      : lane_(lane),
        handler_(handler),
        tls_(std::move(tls)),
        port_(listen.port),
        max_connections_(std::max(config.max_connections, 1U)),
        idle_timeout_ns_(std::max<int64_t>(config.idle_timeout.count(), kSecond)),
        sweep_every_((tls_ ? std::min(idle_timeout_ns_, kHandshakeNs) : idle_timeout_ns_) /
                     2'000'000),
        lingering_(lane),
        responses_(lane.clock()) {}
  ~MhdServer() override;

  Status start(int listen_fd);
  uint16_t port() const noexcept override { return port_; }
  void quiesce() override;

 private:
  /// What belongs to a connection rather than to one of its requests.
  struct Connection {
    int fd = -1;
    std::string peer;      // "127.0.0.1:40312"
    int64_t since_ns = 0;  // the request's start; without one: the last one's end, or the accept
    ServerExchange* exchange = nullptr;
    bool lingers = false;
    std::shared_ptr<const ServerTls::Credentials> credentials;
    std::list<Connection>::iterator self;
    bool got_bytes = false;    // of a body, in this run
    bool handshaking = false;  // TLS, and no request yet
  };

  static MhdServer& of(void* server) { return *static_cast<MhdServer*>(server); }
  static void* on_uri(void* server, const char* uri, MHD_Connection* connection);
  static MHD_Result on_access(void* server, MHD_Connection* connection, const char* url,
                              const char* method, const char* version, const char* data,
                              size_t* size, void** context);
  static void on_completed(void* server, MHD_Connection* connection, void** context,
                           MHD_RequestTerminationCode code);
  static void on_connection(void* server, MHD_Connection* connection, void** context,
                            MHD_ConnectionNotificationCode code);
  static Connection* connection_of(MHD_Connection* connection);

  void connect(MHD_Connection* connection, void** context);
  void disconnect(void** context);
  void on_bytes(Connection& connection);
  bool on_whole(Connection& connection, ServerExchange& exchange);
  void on_timer();
  void run_soon();
  void run();
  std::optional<uint64_t> wait_ms() const;
  void close_ended(Connection& connection);
  void sweep();
  bool is_overdue(const Connection& connection, int64_t now) const;

  Lane& lane_;
  HttpHandler& handler_;
  std::unique_ptr<ServerTls> tls_;
  const uint16_t port_;
  const size_t max_connections_;
  const int64_t idle_timeout_ns_;
  const std::chrono::milliseconds sweep_every_;
  Lingering lingering_;
  ResponseCache responses_;
  MHD_Daemon* daemon_ = nullptr;
  std::unique_ptr<FdWatch> watch_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<Timer> sweep_timer_;
  std::list<Connection> connections_;
  std::vector<Connection*> with_bytes_;  // those with got_bytes; pointers into connections_
  std::unordered_map<ServerExchange*, std::shared_ptr<ServerExchange>> exchanges_;
  bool quiesced_ = false;
  // What makes another run of libmicrohttpd necessary.
  bool a_connection_ended_ = false;
  bool a_reply_came_ = false;
  bool more_is_likely_ = false;
  bool a_callback_came_ = false;
  int handshaking_ = 0;
  int at_hand_ = 0;                 // exchanges that wait for the handler without being suspended
  bool waits_for_answers_ = false;  // the timer is for these
  bool suspends_all_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

std::string peer_of(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (info == nullptr || info->client_addr == nullptr) {
    return {};
  }
  char text[INET6_ADDRSTRLEN] = "";
  if (info->client_addr->sa_family == AF_INET) {
    const auto* address = reinterpret_cast<const sockaddr_in*>(info->client_addr);
    inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text));
    return fmt::format("{}:{}", text, ntohs(address->sin_port));
  }
  const auto* address = reinterpret_cast<const sockaddr_in6*>(info->client_addr);
  if (IN6_IS_ADDR_V4MAPPED(&address->sin6_addr)) {
    inet_ntop(AF_INET, &address->sin6_addr.s6_addr[12], text, sizeof(text));
    return fmt::format("{}:{}", text, ntohs(address->sin6_port));
  }
  inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof(text));
  return fmt::format("[{}]:{}", text, ntohs(address->sin6_port));
}

void log_of_microhttpd(void*, const char* format, va_list arguments) {
  if (!log_enabled(LogLevel::debug)) {
    return;
  }
  char text[512];
  std::vsnprintf(text, sizeof(text), format, arguments);
  std::string line(text);
  line.erase(line.find_last_not_of("\r\n") + 1);
  log_line(LogLevel::debug, "net", "http_server", line);
}

Status MhdServer::start(int listen_fd) {
  std::vector<MHD_OptionItem> options = {
      {MHD_OPTION_LISTEN_SOCKET, listen_fd, nullptr},
      {MHD_OPTION_CONNECTION_LIMIT, static_cast<intptr_t>(max_connections_), nullptr},
      {MHD_OPTION_CONNECTION_TIMEOUT, static_cast<intptr_t>(idle_timeout_ns_ / kSecond), nullptr},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory, nullptr},
      {MHD_OPTION_CONNECTION_MEMORY_INCREMENT, kReadAtLeast, nullptr},
      {MHD_OPTION_STRICT_FOR_CLIENT, 1, nullptr},
      {MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, nullptr},
  };
  unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
  if (tls_) {
    flags |= MHD_USE_TLS;
    options.push_back(
        {MHD_OPTION_HTTPS_MEM_CERT, 0, const_cast<char*>(tls_->certificate().c_str())});
    options.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, const_cast<char*>(tls_->key().c_str())});
    options.push_back({MHD_OPTION_HTTPS_PRIORITIES, 0, const_cast<char*>(kTlsPriorities)});
  }
  options.push_back({MHD_OPTION_END, 0, nullptr});
  daemon_ = MHD_start_daemon(flags, 0, nullptr, nullptr, &MhdServer::on_access, this,        //
                             MHD_OPTION_EXTERNAL_LOGGER, &log_of_microhttpd, nullptr,        //
                             MHD_OPTION_URI_LOG_CALLBACK, &MhdServer::on_uri, this,          //
                             MHD_OPTION_NOTIFY_COMPLETED, &MhdServer::on_completed, this,    //
                             MHD_OPTION_NOTIFY_CONNECTION, &MhdServer::on_connection, this,  //
                             MHD_OPTION_ARRAY, options.data(), MHD_OPTION_END);
  if (daemon_ == nullptr) {
    return fail(ErrorCode::internal, "the HTTP server could not be set up");
  }
  const int epoll_fd = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  timer_ = lane_.timer([this] { on_timer(); });
  sweep_timer_ = lane_.timer([this] { sweep(); });
  watch_ = lane_.watch_fd(epoll_fd, [this](bool, bool) { run(); });
  watch_->set_events(true, false);
  run();  // the listening socket joins the epoll set only now
  return {};
}

MhdServer::~MhdServer() {
  if (daemon_ == nullptr) {
    return;
  }
  // libmicrohttpd refuses to stop while connections are suspended.
  for (const auto& [raw, exchange] : exchanges_) {
    exchange->wake();
  }
  watch_.reset();
  timer_.reset();
  MHD_stop_daemon(daemon_);
}

void MhdServer::quiesce() {
  if (quiesced_) {
    return;
  }
  quiesced_ = true;
  const MHD_socket listening = MHD_quiesce_daemon(daemon_);
  if (listening != MHD_INVALID_SOCKET) {
    close(listening);
  }
}

/// For what was answered outside of a run.
void MhdServer::run_soon() {
  lane_.at_end_of_turn([this, alive = std::weak_ptr<char>(alive_)] {
    if (!alive.expired() && a_reply_came_) {
      run();
    }
  });
}

void MhdServer::on_timer() {
  suspends_all_ = waits_for_answers_ && !a_reply_came_;
  run();
  suspends_all_ = false;
}

void MhdServer::run() {
  a_callback_came_ = false;
  // A connection that was answered is looked at when a run starts, and the answer is sent by the
  // next one. At the limit of connections libmicrohttpd stops listening, and takes it up again,
  // too, when a run starts after one has ended.
  int runs = 0;
  do {
    a_connection_ended_ = false;
    a_reply_came_ = false;
    more_is_likely_ = false;
    MHD_run(daemon_);
  } while (a_connection_ended_ || a_reply_came_ || (more_is_likely_ && ++runs < kRunsInTurn));
  for (Connection* connection : std::exchange(with_bytes_, {})) {
    connection->got_bytes = false;
    close_ended(*connection);
  }
  waits_for_answers_ = at_hand_ > 0 && !more_is_likely_;
  if (const auto wait = wait_ms()) {
    timer_->start(std::chrono::milliseconds(*wait));
  } else {
    timer_->stop();
  }
}

/// When to run again without an event; never, if nothing.
std::optional<uint64_t> MhdServer::wait_ms() const {
  MHD_UNSIGNED_LONG_LONG wait = 0;
  if (MHD_get_timeout(daemon_, &wait) != MHD_YES) {
    return std::nullopt;
  }
  // libmicrohttpd takes a connection for one with work, and would spin, when its request is not
  // answered yet, and when its handshake waits for the client. The answer and the bytes wake us
  // anyway.
  if (wait == 0 && waits_for_answers_) {
    return kAnswerWaitMs;
  }
  if (wait == 0 && handshaking_ > 0 && !a_callback_came_) {
    return kHandshakeWaitMs;
  }
  return std::min<uint64_t>(wait, 3'600'000);
}

void MhdServer::close_ended(Connection& connection) {
  // When a client's last bytes and its close come together, libmicrohttpd (edge-triggered, and
  // content with a short read) sees only the bytes. Room reserved for the rest of the body would be
  // held until the timeout.
  char next;
  const bool is_reading = connection.exchange == nullptr ||
                          connection.exchange->phase() == ServerExchange::Phase::receiving;
  if (is_reading && recv(connection.fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
    shutdown(connection.fd, SHUT_RDWR);
  }
}

MhdServer::Connection* MhdServer::connection_of(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info == nullptr ? nullptr : static_cast<Connection*>(info->socket_context);
}

void MhdServer::connect(MHD_Connection* connection, void** context) {
  const auto entry = connections_.emplace(connections_.end());
  entry->self = entry;
  entry->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  entry->peer = peer_of(connection);
  entry->since_ns = lane_.clock().monotonic_ns();
  if (tls_) {
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    entry->credentials = tls_->adopt(static_cast<gnutls_session_t>(info->tls_session));
    entry->handshaking = true;
    ++handshaking_;
  }
  *context = &*entry;
  a_callback_came_ = true;
  if (connections_.size() >= max_connections_) {
    handler_.on_refused({.reason = ServerRefusal::Reason::full_connections,
                         .peer = entry->peer,
                         .text = fmt::format("{} clients are connected, and further ones wait "
                                             "until one has gone",
                                             connections_.size())});
  }
  if (!sweep_timer_->active()) {
    sweep_timer_->start(sweep_every_);
  }
}

void MhdServer::disconnect(void** context) {
  auto* entry = static_cast<Connection*>(*context);
  if (entry == nullptr) {
    return;
  }
  if (entry->lingers) {
    lingering_.add(entry->fd);
  }
  *context = nullptr;
  if (entry->got_bytes) {
    std::erase(with_bytes_, entry);
  }
  if (entry->handshaking) {
    --handshaking_;
    tls_->tell_of_failed_handshake(entry->fd, entry->peer);
  }
  connections_.erase(entry->self);
  a_connection_ended_ = true;
}

void MhdServer::on_connection(void* server, MHD_Connection* connection, void** context,
                              MHD_ConnectionNotificationCode code) {
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    of(server).connect(connection, context);
  } else {
    of(server).disconnect(context);
  }
}

void* MhdServer::on_uri(void* server, const char* uri, MHD_Connection* connection) {
  MhdServer* self = &of(server);
  auto exchange = std::make_shared<ServerExchange>(connection, uri, self->responses_, [self] {
    if (!std::exchange(self->a_reply_came_, true)) {
      self->run_soon();
    }
  });
  Connection* owner = connection_of(connection);
  of(server).handshaking_ -= std::exchange(owner->handshaking, false) ? 1 : 0;
  ServerExchange* raw = exchange.get();
  of(server).exchanges_.emplace(raw, std::move(exchange));
  return raw;
}

MHD_Result MhdServer::on_access(void* server, MHD_Connection* raw_connection, const char*,
                                const char* method, const char*, const char* data, size_t* size,
                                void** context) {
  MhdServer& self = of(server);
  self.a_callback_came_ = true;
  // Held: the handler may let go of its own reference meanwhile.
  const auto exchange = self.exchanges_.at(static_cast<ServerExchange*>(*context));
  bool go_on = false;
  if (!exchange->has_head()) {
    Connection* connection = connection_of(raw_connection);
    connection->exchange = exchange.get();
    connection->since_ns = self.lane_.clock().monotonic_ns();
    go_on = exchange->on_head(self.handler_, method, connection->peer);
    connection->lingers = exchange->answered_early();
  } else if (*size > 0) {
    go_on = exchange->on_bytes(self.handler_, data, *size);
    *size = 0;
    self.on_bytes(*connection_of(raw_connection));
  } else {
    go_on = self.on_whole(*connection_of(raw_connection), *exchange);
  }
  return go_on ? MHD_YES : MHD_NO;
}

void MhdServer::on_bytes(Connection& connection) {
  if (!connection.got_bytes) {
    connection.got_bytes = true;
    with_bytes_.push_back(&connection);
  }
  more_is_likely_ = more_is_likely_ || !connection.exchange->has_whole_body();
}

/// All of the request is there, and perhaps its answer.
bool MhdServer::on_whole(Connection& connection, ServerExchange& exchange) {
  // Most are answered within a turn or two. To suspend the connection and to resume it would take
  // two system calls and two runs; one that is not suspended is asked about in each run, so they
  // must be few.
  const bool was_at_hand = exchange.is_at_hand();
  const bool suspend = suspends_all_ || (!was_at_hand && at_hand_ >= kMostAtHand);
  const bool go_on = exchange.on_whole(handler_, quiesced_, suspend);
  at_hand_ += (exchange.is_at_hand() ? 1 : 0) - (was_at_hand ? 1 : 0);
  more_is_likely_ = more_is_likely_ || exchange.replied();
  if (!was_at_hand || !exchange.is_at_hand()) {
    connection.since_ns = lane_.clock().monotonic_ns();
  }
  return go_on;
}

void MhdServer::on_completed(void* server, MHD_Connection* raw_connection, void** context,
                             MHD_RequestTerminationCode code) {
  MhdServer& self = of(server);
  const auto node = self.exchanges_.extract(static_cast<ServerExchange*>(*context));
  *context = nullptr;
  if (Connection* connection = connection_of(raw_connection)) {
    const int64_t now = self.lane_.clock().monotonic_ns();
    if (code == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED && connection->exchange != nullptr) {
      connection->exchange->give_up(self.handler_,
                                    std::chrono::nanoseconds(now - connection->since_ns));
    }
    connection->exchange = nullptr;
    connection->since_ns = now;
  }
  if (!node.empty()) {
    self.at_hand_ -= node.mapped()->is_at_hand() ? 1 : 0;
    node.mapped()->on_over(self.handler_);
  }
}

bool MhdServer::is_overdue(const Connection& connection, int64_t now) const {
  const int64_t age = now - connection.since_ns;
  if (connection.handshaking && age > kHandshakeNs) {
    return true;
  }
  if (age <= idle_timeout_ns_) {
    return false;
  }
  if (connection.exchange == nullptr) {
    return true;  // neither a request nor, within its time, a whole head
  }
  switch (connection.exchange->phase()) {
    case ServerExchange::Phase::receiving:
      return static_cast<int64_t>(connection.exchange->received_bytes()) <
             age / kSecond * kLeastBytesPerSecond;
    case ServerExchange::Phase::waiting_for_handler:
      return false;
    case ServerExchange::Phase::sending:
      return age > kSendTimeouts * idle_timeout_ns_;
  }
  return false;
}

void MhdServer::sweep() {
  const int64_t now = lane_.clock().monotonic_ns();
  for (Connection& connection : connections_) {
    if (is_overdue(connection, now)) {
      if (connection.exchange != nullptr) {
        connection.exchange->give_up(handler_, std::chrono::nanoseconds(now - connection.since_ns));
      }
      shutdown(connection.fd, SHUT_RDWR);  // libmicrohttpd finds it closed, and cleans up
    } else {
      close_ended(connection);
    }
  }
  if (!connections_.empty()) {
    sweep_timer_->start(sweep_every_);
  }
}

}  // namespace

Result<std::unique_ptr<HttpServer>> make_http_server(Lane& lane, const HttpServerConfig& config,
                                                     HttpHandler& handler, bool reuse_port) {
  ignore_sigpipe();
  std::unique_ptr<ServerTls> tls;
  if (config.tls) {
    auto made = ServerTls::make(lane, *config.tls);
    if (!made) {
      return tl::unexpected<Error>(made.error());
    }
    tls = std::move(*made);
  }
  const auto listen = open_listen_socket(config.listen, reuse_port);
  if (!listen) {
    return tl::unexpected<Error>(listen.error());
  }
  auto server = std::make_unique<MhdServer>(lane, config, handler, *listen, std::move(tls));
  if (const Status started = server->start(listen->fd); !started) {
    close(listen->fd);
    return tl::unexpected<Error>(started.error());
  }
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace tailrace::net
