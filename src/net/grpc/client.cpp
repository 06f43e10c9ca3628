#include "net/grpc/client.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <grpc/grpc_security.h>
#include <grpc/impl/codegen/compression_types.h>

namespace tailrace::net::core {

namespace {

// As CallResult::body.
constexpr size_t kAnswerBytes = 64 * 1024;
// Answers are small; what is longer is not one of ours.
constexpr int64_t kMaxAnswerBytes = 4 << 20;
// When to try again is the sender's decision, by its backoff and breaker; a channel that waits
// longer on its own would only fail its calls.
constexpr int64_t kReconnectAfterMs = 1000;

/// One unary call: everything is sent and received in one batch, so it ends with one event.
class ClientCall final : public GrpcCallHandle {
 public:
  ClientCall(grpc_call* call, std::function<void(GrpcOutcome)> done)
      : call_(call), done_(std::move(done)) {}
  ~ClientCall() override {
    grpc_slice_unref(message_);
    gpr_free(const_cast<char*>(error_));
    grpc_call_unref(call_);
  }
  ClientCall(const ClientCall&) = delete;
  ClientCall& operator=(const ClientCall&) = delete;

  void start(const GrpcOutgoing& outgoing, std::shared_ptr<ClientCall> self);
  void cancel() override { grpc_call_cancel(call_, nullptr); }

 private:
  void on_ended(bool ok);

  grpc_call* call_;
  std::function<void(GrpcOutcome)> done_;
  std::shared_ptr<ClientCall> self_;  // until it has ended
  SentMetadata metadata_;
  Message body_;
  ReceivedMetadata head_;
  Message answer_;
  ReceivedMetadata trailers_;
  grpc_status_code status_ = GRPC_STATUS_UNKNOWN;
  grpc_slice message_ = grpc_empty_slice();
  const char* error_ = nullptr;
  MemberTag<ClientCall, &ClientCall::on_ended> ended_tag_{*this};
};

void ClientCall::start(const GrpcOutgoing& outgoing, std::shared_ptr<ClientCall> self) {
  self_ = std::move(self);
  for (const auto& [name, value] : outgoing.metadata) {
    if (!metadata_.add(name, value)) {
      message_ = copied(fmt::format("the header \"{}\" has an impossible name or value", name));
      status_ = GRPC_STATUS_INVALID_ARGUMENT;
    }
  }
  if (status_ == GRPC_STATUS_INVALID_ARGUMENT) {
    on_ended(false);
    return;
  }
  if (outgoing.is_gzip) {
    metadata_.add(GRPC_COMPRESSION_REQUEST_ALGORITHM_MD_KEY, "gzip");
  }
  body_.fill(outgoing.body, outgoing.is_gzip);
  grpc_op ops[6] = {};
  ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
  ops[0].data.send_initial_metadata.count = metadata_.size();
  ops[0].data.send_initial_metadata.metadata = metadata_.data();
  ops[1].op = GRPC_OP_SEND_MESSAGE;
  ops[1].data.send_message.send_message = body_.get();
  ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
  ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
  ops[3].data.recv_initial_metadata.recv_initial_metadata = head_.get();
  ops[4].op = GRPC_OP_RECV_MESSAGE;
  ops[4].data.recv_message.recv_message = answer_.receive();
  ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
  ops[5].data.recv_status_on_client.trailing_metadata = trailers_.get();
  ops[5].data.recv_status_on_client.status = &status_;
  ops[5].data.recv_status_on_client.status_details = &message_;
  ops[5].data.recv_status_on_client.error_string = &error_;
  if (grpc_call_start_batch(call_, ops, std::size(ops), &ended_tag_, nullptr) != GRPC_CALL_OK) {
    status_ = GRPC_STATUS_INTERNAL;
    on_ended(false);
  }
}

void ClientCall::on_ended(bool) {
  GrpcOutcome outcome;
  outcome.code = status_;
  outcome.message = view_of(message_);
  // A status that came over the wire is marked so; all others were made up here.
  outcome.from_server = status_ == GRPC_STATUS_OK ||
                        (error_ != nullptr && std::strstr(error_, "Error received from peer"));
  head_.append_to(outcome.headers);
  trailers_.append_to(outcome.headers);
  outcome.body.resize(std::min(answer_.size(), kAnswerBytes));
  answer_.copy(outcome.body.data(), outcome.body.size());
  body_.reset();
  const auto self = std::move(self_);
  std::exchange(done_, nullptr)(std::move(outcome));
}

grpc_channel_credentials* tls_of(const GrpcTarget& target) {
  grpc_ssl_pem_key_cert_pair pair{target.key.c_str(), target.certificate.c_str()};
  const bool has_certificate = !target.certificate.empty();
  if (!target.skip_verify) {
    return grpc_ssl_credentials_create_ex(target.ca.empty() ? nullptr : target.ca.c_str(),
                                          has_certificate ? &pair : nullptr, nullptr, nullptr);
  }
  grpc_tls_credentials_options* options = grpc_tls_credentials_options_create();
  grpc_tls_certificate_verifier* anything = grpc_tls_certificate_verifier_no_op_create();
  grpc_tls_credentials_options_set_certificate_verifier(options, anything);
  grpc_tls_certificate_verifier_release(anything);
  grpc_tls_credentials_options_set_verify_server_cert(options, 0);
  grpc_tls_credentials_options_set_check_call_host(options, 0);
  if (has_certificate) {
    grpc_tls_identity_pairs* pairs = grpc_tls_identity_pairs_create();
    grpc_tls_identity_pairs_add_pair(pairs, target.key.c_str(), target.certificate.c_str());
    grpc_tls_certificate_provider* provider =
        grpc_tls_certificate_provider_static_data_create(nullptr, pairs);
    grpc_tls_credentials_options_set_certificate_provider(options, provider);
    grpc_tls_credentials_options_watch_identity_key_cert_pairs(options);
    grpc_tls_certificate_provider_release(provider);
  }
  return grpc_tls_credentials_create(options);
}

}  // namespace

Result<std::unique_ptr<GrpcConnection>> Connection::open(const GrpcTarget& target,
                                                         const Poller& poller) {
  ChannelArgs args;
  args.set(GRPC_ARG_ENABLE_RETRIES, 0);
  args.set(GRPC_ARG_ENABLE_CHANNELZ, 0);
  args.set(GRPC_ARG_MAX_CHANNEL_TRACE_EVENT_MEMORY_PER_NODE, 0);
  args.set(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  args.set(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, kMaxAnswerBytes);
  args.set(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
           1 << GRPC_COMPRESS_NONE | 1 << GRPC_COMPRESS_GZIP);
  args.set(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectAfterMs);
  args.set(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectAfterMs);
  args.set(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, kReconnectAfterMs);
  args.set(GRPC_ARG_PRIMARY_USER_AGENT_STRING, target.user_agent);
  if (target.options.keepalive_time) {
    args.set(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(*target.options.keepalive_time));
    args.set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(target.options.keepalive_timeout));
  }
  if (!target.proxy_url.empty()) {
    args.set(GRPC_ARG_HTTP_PROXY, target.proxy_url);
  }
  grpc_channel_credentials* credentials = nullptr;
  if (target.tls) {
    if (!target.server_name.empty()) {
      args.set(GRPC_SSL_TARGET_NAME_OVERRIDE_ARG, target.server_name);
      args.set(GRPC_ARG_DEFAULT_AUTHORITY, target.server_name);
    }
    credentials = tls_of(target);
    if (credentials == nullptr) {
      return fail(ErrorCode::tls, "the certificate or the key cannot be used");
    }
  } else {
    credentials = grpc_insecure_credentials_create();
  }
  const bool is_v6 = target.host.find(':') != std::string::npos;
  const std::string name =
      fmt::format("dns:///{}{}{}:{}", is_v6 ? "[" : "", target.host, is_v6 ? "]" : "", target.port);
  grpc_channel* channel = grpc_channel_create(name.c_str(), credentials, args.get());
  grpc_channel_credentials_release(credentials);
  return std::unique_ptr<GrpcConnection>(std::make_unique<Connection>(channel, poller));
}

std::shared_ptr<GrpcCallHandle> Connection::call(GrpcOutgoing outgoing,
                                                 std::function<void(GrpcOutcome)> done) {
  const grpc_slice method = copied(outgoing.method);
  const gpr_timespec deadline = gpr_time_add(
      gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(outgoing.timeout.count(), GPR_TIMESPAN));
  grpc_call* raw = grpc_channel_create_call(channel_, nullptr, GRPC_PROPAGATE_DEFAULTS,
                                            poller_.queue(), method, nullptr, deadline, nullptr);
  grpc_slice_unref(method);
  auto call = std::make_shared<ClientCall>(raw, std::move(done));
  call->start(outgoing, call);
  return call;
}

}  // namespace tailrace::net::core
