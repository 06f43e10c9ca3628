#include "net/grpc_channel.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "codec/header_text.h"
#include "net/credentials.h"
#include "version_info.h"

namespace tailrace::net {

namespace {

constexpr const char* kGrpcErrors = "grpc_client_errors_total";
constexpr const char* kGrpcErrorsHelp = "gRPC calls that got no answer, by the kind of failure.";

/// Why no answer came, from a status that gRPC made up itself.
Error no_answer_error(const GrpcOutcome& outcome) {
  if (outcome.code == grpc_code::kDeadlineExceeded) {
    return {ErrorCode::timeout, outcome.message};
  }
  const bool handshake = outcome.message.find("handshake") != std::string::npos ||
                         outcome.message.find("SSL") != std::string::npos;
  return {handshake ? ErrorCode::tls : ErrorCode::network, outcome.message};
}

}  // namespace

/// A call under way.
struct GrpcChannel::Flight {
  Call call;
  std::function<void(CallResult)> done;
  Url url;
  int64_t started_ns = 0;
  std::unique_ptr<Timer> deadline;  // for what comes before gRPC has the call, which has its own
  std::string token;
  bool token_renewed = false;
  bool in_call = true;  // call() has not returned yet
  std::shared_ptr<GrpcCallHandle> handle;

  void cancel() {
    if (handle) {
      handle->cancel();
    }
  }
};

GrpcChannel::GrpcChannel(HttpClient& client, GrpcTransport& transport,
                         const HttpClientConfig& config, const GrpcClientConfig& grpc,
                         Metrics& metrics)
    : client_(client),
      transport_(transport),
      config_(config),
      grpc_(grpc),
      complaint_(complaint(config)),
      files_(client.lane(), files_of(config)),
      metrics_(metrics),
      flights_(client.lane()) {
  for (const ErrorCode code : {ErrorCode::network, ErrorCode::timeout, ErrorCode::tls}) {
    metrics.counter(kGrpcErrors, kGrpcErrorsHelp, {{"reason", to_string(code)}});
  }
  if (config.oauth2) {
    tokens_ = std::make_unique<OAuth2Tokens>(client, *config.oauth2, config, metrics);
  }
}

GrpcChannel::~GrpcChannel() {
  while (const auto flight = flights_.take_first()) {
    flight->cancel();
  }
}

CallId GrpcChannel::call(const Call& call, std::function<void(CallResult)> done) {
  auto owned = std::make_unique<Flight>();
  owned->call = call;
  owned->done = std::move(done);
  owned->started_ns = client_.lane().clock().monotonic_ns();
  const CallId id = flights_.add(std::move(owned));

  start(id);
  if (Flight* started = flights_.find(id)) {
    started->in_call = false;
  }
  return id;
}

void GrpcChannel::start(CallId id) {
  Flight& flight = *flights_.find(id);
  auto url = parse_url(flight.call.url);
  Status checked;
  if (!complaint_.empty()) {
    checked = fail(ErrorCode::invalid, complaint_);
  } else if (!url) {
    checked = tl::unexpected<Error>(url.error());
  } else if (!flight.call.method.starts_with('/')) {
    checked = fail(ErrorCode::invalid, fmt::format("\"{}\" is no gRPC method", flight.call.method));
  }
  if (!checked) {
    fail_call(id, checked.error());
    return;
  }
  flight.url = std::move(*url);
  if (!files_.is_fresh() || tokens_) {
    flight.deadline = client_.lane().timer([this, id] {
      fail_call(id, {ErrorCode::timeout, "no credentials within the time of the call"});
    });
    flight.deadline->start(flight.call.timeout);
  }
  read_files(id);
}

void GrpcChannel::cancel(CallId id) {
  if (const auto flight = flights_.take(id)) {
    flight->cancel();
  }
}

void GrpcChannel::read_files(CallId id) {
  files_.fresh(flights_.guarded(id, [this, id](const Status& status, const auto& files) {
    if (!status) {
      fail_call(id, status.error());
      return;
    }
    if (files != used_files_) {
      used_files_ = files;
      connections_.clear();  // calls under way hold what they need
    }
    get_token(id);
  }));
}

void GrpcChannel::get_token(CallId id) {
  if (!tokens_) {
    send(id);
    return;
  }
  tokens_->get(flights_.guarded(id, [this, id](const Result<std::string>& token) {
    if (!token) {
      fail_call(id, token.error());
      return;
    }
    flights_.find(id)->token = *token;
    send(id);
  }));
}

Result<GrpcConnection*> GrpcChannel::connection_to(const Url& url) {
  const std::string key = fmt::format("{}://{}:{}", url.scheme, url.host, url.port);
  std::unique_ptr<GrpcConnection>& connection = connections_[key];
  if (connection == nullptr) {
    const TlsMaterial material = tls_material(config_.tls_config, *used_files_);
    GrpcTarget target;
    target.host = url.host;
    target.port = url.port;
    target.tls = url.scheme == "https";
    target.ca = material.ca;
    target.certificate = material.cert;
    target.key = material.key;
    target.server_name = config_.tls_config.server_name;
    target.skip_verify = config_.tls_config.insecure_skip_verify;
    target.proxy_url = config_.proxy_url;
    target.user_agent = "tailrace/" TAILRACE_VERSION;
    target.options = grpc_;
    auto made = transport_.connect(target, client_.lane().id());
    if (!made) {
      return tl::unexpected<Error>(made.error());
    }
    connection = std::move(*made);
  }
  return connection.get();
}

Headers GrpcChannel::metadata_of(const Flight& flight) const {
  Headers metadata;
  // A list of gRPC's own names: they describe the body, and are told in other ways.
  const auto is_ours = [](std::string_view name) {
    return name == "content-type" || name == "content-encoding" || name == "content-length" ||
           name == "te" || name == "host" || name == "user-agent" || name == "connection" ||
           name.starts_with("grpc-");
  };
  const auto add = [&](std::string_view name, std::string_view value) {
    std::string lower = codec::lower_case(name);
    const bool known =
        std::ranges::any_of(metadata, [&lower](const auto& pair) { return pair.first == lower; });
    if (!known && !is_ours(lower)) {
      metadata.emplace_back(std::move(lower), value);
    }
  };
  for (const auto& [name, value] : flight.call.headers) {
    add(name, value);
  }
  for (const auto& [name, value] : config_.headers) {
    add(name, value);
  }
  const std::string authorization =
      tokens_ ? "Bearer " + flight.token : authorization_value(config_, *used_files_);
  if (!authorization.empty()) {
    add("authorization", authorization);
  }
  return metadata;
}

void GrpcChannel::send(CallId id) {
  Flight& flight = *flights_.find(id);
  flight.deadline.reset();
  const auto connection = connection_to(flight.url);
  if (!connection) {
    fail_call(id, connection.error());
    return;
  }
  GrpcOutgoing outgoing;
  outgoing.method = flight.call.method;
  outgoing.metadata = metadata_of(flight);
  outgoing.body = flight.call.body;
  outgoing.is_gzip = std::ranges::any_of(flight.call.headers, [](const auto& header) {
    return codec::lower_case(header.first) == "content-encoding" && header.second == "gzip";
  });
  const std::chrono::nanoseconds passed(client_.lane().clock().monotonic_ns() - flight.started_ns);
  outgoing.timeout =
      std::max(std::chrono::ceil<std::chrono::milliseconds>(flight.call.timeout - passed),
               std::chrono::milliseconds(1));
  auto then =
      flights_.guarded(id, [this, id](GrpcOutcome outcome) { on_outcome(id, std::move(outcome)); });
  flight.handle =
      (*connection)
          ->call(std::move(outgoing), [&lane = client_.lane(),
                                       then](GrpcOutcome outcome) {  // any thread
            lane.post([then, outcome = std::move(outcome)]() mutable { then(std::move(outcome)); });
          });
}

void GrpcChannel::on_outcome(CallId id, GrpcOutcome outcome) {
  Flight& flight = *flights_.find(id);
  if (outcome.from_server && outcome.code == grpc_code::kUnauthenticated && tokens_ &&
      !flight.token_renewed) {
    flight.token_renewed = true;
    tokens_->invalidate(flight.token);
    get_token(id);
    return;
  }
  const bool no_answer = !outcome.from_server && (outcome.code == grpc_code::kUnavailable ||
                                                  outcome.code == grpc_code::kDeadlineExceeded ||
                                                  outcome.code == grpc_code::kCancelled);
  if (no_answer) {
    fail_call(id, no_answer_error(outcome));
    return;
  }
  CallResult result;
  result.status = outcome.code;
  result.headers = std::move(outcome.headers);
  if (!outcome.message.empty()) {
    result.headers.emplace_back("grpc-message", std::move(outcome.message));
  }
  result.body = std::move(outcome.body);
  finish(id, std::move(result));
}

void GrpcChannel::fail_call(CallId id, Error error) {
  if (flights_.find(id)->in_call) {  // nothing may call back before call() has returned
    flights_.later(id, [this, id, error = std::move(error)] { fail_call(id, error); });
    return;
  }
  metrics_.counter(kGrpcErrors, kGrpcErrorsHelp, {{"reason", to_string(error.code)}}).increment();
  CallResult result;
  result.transport = tl::unexpected<Error>(std::move(error));
  finish(id, std::move(result));
}

void GrpcChannel::finish(CallId id, CallResult result) {
  flights_.take(id)->done(std::move(result));  // may destroy this
}

}  // namespace tailrace::net
