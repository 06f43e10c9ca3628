#include "net/grpc/server.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <grpc/grpc_security.h>
#include <grpc/impl/codegen/compression_types.h>
#include <malloc.h>

#include "net/grpc/server_call.h"

namespace tailrace::net::core {

namespace {

// What transports may hold before gRPC ends idle connections, then calls. Messages are accounted
// for by their owner; this is for the rest: windows, frames, handshakes. And it is what stops a
// message that is many times too large: gRPC gathers all of it before anybody sees its size.
constexpr size_t kTransportMemory = 64 << 20;
constexpr size_t kBesideMessages = 16 << 20;
// Clients may ask this often whether we are there; gRPC's own bound would end their connections.
constexpr int64_t kPingsAtMostEveryMs = 10'000;
constexpr int64_t kHandshakeMs = 10'000;
// By then gRPC has let go of it.
constexpr int kSweepsToTrim = 2;
constexpr size_t kLeastRoom = 64 << 10;

size_t quota_bytes(const GrpcServerConfig& config, const GrpcServerOwner& owner) {
  const size_t for_messages = std::min(owner.capacity(), kTransportMemory);
  const size_t bytes = std::min(for_messages + kBesideMessages, kTransportMemory);
  return std::max(bytes, 4 * config.max_message_bytes);
}

}  // namespace

Server::Server(const GrpcServerConfig& config, GrpcServerOwner& owner,
               const std::vector<std::unique_ptr<Poller>>& pollers, Overdue& overdue)
    : config_(config),
      methods_(config.methods.begin(), config.methods.end()),
      owner_(owner),
      pollers_(pollers),
      overdue_(overdue),
      quota_(grpc_resource_quota_create("tailrace")) {
  grpc_resource_quota_resize(quota_, quota_bytes(config, owner));
}

Server::~Server() {
  if (server_ != nullptr) {
    drain();
    grpc_server_cancel_all_calls(server_);
    {
      std::unique_lock lock(mutex_);
      ended_.wait(lock, [this] { return drained_ && alive_ == 0; });
    }
    grpc_server_destroy(server_);
  }
  if (sweeps_to_trim_ != 0) {
    overdue_.watched.fetch_sub(1);
  }
  grpc_resource_quota_unref(quota_);
}

Status Server::listen() {
  ChannelArgs args;
  args.set_quota(quota_);
  args.set(GRPC_ARG_ALLOW_REUSEPORT, 0);  // else a second agent would share the port unnoticed
  // gRPC 1.51 looks at a message's size when it has come as a whole; so do we, and can tell of it.
  args.set(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, std::numeric_limits<int>::max());
  args.set(GRPC_ARG_MAX_CONCURRENT_STREAMS, config_.max_calls);
  // Unpacking is the reader's, who knows how large a message may become.
  args.set(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  args.set(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
           1 << GRPC_COMPRESS_NONE | 1 << GRPC_COMPRESS_GZIP);
  args.set(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(config_.keepalive_time));
  args.set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(config_.keepalive_timeout));
  args.set(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.set(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kPingsAtMostEveryMs);
  args.set(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  if (config_.idle_timeout) {
    args.set(GRPC_ARG_MAX_CONNECTION_IDLE_MS, milliseconds(*config_.idle_timeout));
  }
  // Larger windows would be memory for calls that wait; a message that is read gets the window
  // that it needs at once.
  args.set(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  args.set(GRPC_ARG_ENABLE_CHANNELZ, 0);
  args.set(GRPC_ARG_MAX_CHANNEL_TRACE_EVENT_MEMORY_PER_NODE, 0);
  server_ = grpc_server_create(args.get(), nullptr);
  for (const auto& poller : pollers_) {
    grpc_server_register_completion_queue(server_, poller->queue(), nullptr);
  }
  grpc_server_credentials* how = credentials();
  const int port = grpc_server_add_http2_port(server_, config_.listen.c_str(), how);
  grpc_server_credentials_release(how);
  if (port <= 0) {
    return fail(ErrorCode::network, fmt::format("cannot listen on {} for gRPC", config_.listen));
  }
  port_ = static_cast<uint16_t>(port);
  return {};
}

grpc_server_credentials* Server::credentials() {
  if (!config_.tls) {
    return grpc_insecure_server_credentials_create();
  }
  return grpc_ssl_server_credentials_create_with_options(
      grpc_ssl_server_credentials_create_options_using_config_fetcher(
          config_.tls->client_ca_file.empty()
              ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
              : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY,
          &Server::on_handshake, this));
}

grpc_ssl_certificate_config_reload_status Server::on_handshake(
    void* self, grpc_ssl_server_certificate_config** config) {
  Server& server = *static_cast<Server*>(self);
  auto files = server.owner_.files();
  std::lock_guard lock(server.files_mutex_);
  if (files == nullptr || files == server.used_files_) {
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  }
  const grpc_ssl_pem_key_cert_pair pair{files->key.c_str(), files->certificate.c_str()};
  // gRPC 1.51 aborts without authorities, also where clients are not asked for a certificate.
  const std::string& authorities = files->client_ca.empty() ? files->certificate : files->client_ca;
  *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
  server.used_files_ = std::move(files);
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

void Server::start() {
  grpc_server_start(server_);
  for (const auto& poller : pollers_) {
    expect_call(poller->queue());
  }
}

void Server::drain() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(draining_, true)) {
      return;
    }
  }
  grpc_server_shutdown_and_notify(server_, pollers_.front()->queue(), &drained_tag_);
}

void Server::on_drained(bool) {
  std::lock_guard lock(mutex_);
  drained_ = true;
  ended_.notify_all();
}

bool Server::serves(std::string_view method) const {
  return methods_.contains(std::string(method));
}

void Server::expect_call(grpc_completion_queue* queue) {
  {
    std::lock_guard lock(mutex_);
    if (draining_) {
      return;
    }
    ++alive_;
  }
  (new ServerCall(*this, queue))->expect();
}

void Server::end_call(bool was_counted) {
  std::lock_guard lock(mutex_);
  calls_ -= was_counted ? 1 : 0;
  if (--alive_ == 0) {
    ended_.notify_all();
  }
}

bool Server::count_call() {
  std::lock_guard lock(mutex_);
  if (calls_ >= config_.max_calls) {
    return false;
  }
  ++calls_;
  return true;
}

bool Server::begin_reading(ServerCall& call) {
  size_t bytes = config_.max_message_bytes;
  if (!owner_.reserve(bytes)) {
    // The only one that is read may be a small one. So the limit may be exceeded for a moment by
    // one message; to refuse all would be worse where memory is tight.
    bytes = std::min(bytes, kLeastRoom);
    if (!reading_.empty() || !owner_.reserve(bytes)) {
      return false;
    }
  }
  reading_.insert(&call);
  overdue_.watched.fetch_add(1);
  call.begin_reading(bytes);
  return true;
}

void Server::want_message(ServerCall& call) {
  bool begun = false;
  {
    std::lock_guard lock(mutex_);
    begun = waiting_.empty() && begin_reading(call);
    if (!begun && !reading_.empty()) {
      waiting_.push_back(&call);
      return;
    }
  }
  if (begun) {
    call.read();
  } else {
    call.refuse_for_memory();
  }
}

bool Server::message_ended(ServerCall& call, size_t kept_bytes) {
  std::vector<ServerCall*> next;
  std::vector<ServerCall*> refused;
  bool has_room = true;
  {
    std::lock_guard lock(mutex_);
    const size_t reserved = call.reserved();
    if (kept_bytes <= reserved) {
      owner_.release(reserved - kept_bytes);
    } else if (!owner_.reserve(kept_bytes - reserved)) {
      owner_.release(reserved);
      has_room = false;
    }
    reading_.erase(&call);
    overdue_.watched.fetch_sub(1);
    while (!waiting_.empty() && begin_reading(*waiting_.front())) {
      next.push_back(waiting_.front());
      waiting_.pop_front();
    }
    if (reading_.empty()) {
      refused.assign(waiting_.begin(), waiting_.end());
      waiting_.clear();
    }
  }
  for (ServerCall* one : next) {
    one->read();
  }
  for (ServerCall* one : refused) {
    one->refuse_for_memory();
  }
  return has_room;
}

void Server::on_waste() {
  if (sweeps_to_trim_.exchange(kSweepsToTrim) == 0) {
    overdue_.watched.fetch_add(1);
  }
}

void Server::sweep() {
  int left = sweeps_to_trim_.load();
  if (left > 0 && sweeps_to_trim_.compare_exchange_strong(left, left - 1) && left == 1) {
    overdue_.watched.fetch_sub(1);
    malloc_trim(0);
  }
  // Held: a call that is read stays until it is told that its reading has ended.
  std::lock_guard lock(mutex_);
  for (ServerCall* call : reading_) {
    if (call->is_overdue()) {
      call->give_up();
    }
  }
}

}  // namespace tailrace::net::core
