#include "net/http_channel.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "net/credentials.h"
#include "net/destination.h"
#include "version_info.h"

namespace tailrace::net {

namespace {

constexpr int kMaxRedirects = 10;
constexpr std::chrono::milliseconds kConnectTimeout{10000};
constexpr const char* kErrorsName = "http_client_errors_total";
constexpr const char* kErrorsHelp = "Calls that got no answer, by the kind of failure.";

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) {
    const auto lower = [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
    return lower(x) == lower(y);
  });
}

bool has_name(const Headers& headers, std::string_view name) {
  return std::ranges::any_of(headers,
                             [name](const auto& header) { return same_name(header.first, name); });
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

/// A call under way.
struct HttpChannel::Flight {
  Call call;
  std::function<void(CallResult)> done;
  std::unique_ptr<Timer> deadline;            // null: libcurl watches over the transfer
  bool in_call = true;                        // call() has not returned yet
  const char* doing = "reading credentials";  // for the message of a timeout
  int64_t started_ns = 0;
  std::shared_ptr<const Destination> to;
  std::string token;
  bool token_renewed = false;
  bool left_host = false;  // redirected to somebody who must not see our credentials
  int redirects = 0;
  std::unique_ptr<Transfer> transfer;

  std::chrono::milliseconds remaining(const Clock& clock) const {
    const std::chrono::nanoseconds passed(clock.monotonic_ns() - started_ns);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(call.timeout - passed);
    return std::max(left, std::chrono::milliseconds(1));
  }
};

HttpChannel::HttpChannel(HttpClient& client, const HttpClientConfig& config, Metrics& metrics)
    : client_(client),
      config_(config),
      complaint_(complaint(config)),
      files_(client.lane(), files_of(config)),
      connections_(metrics.counter("http_client_connections_opened_total",
                                   "Connections opened to servers and proxies.")),
      metrics_(metrics),
      flights_(client.lane()) {
  for (const ErrorCode code : {ErrorCode::network, ErrorCode::timeout, ErrorCode::tls}) {
    metrics.counter(kErrorsName, kErrorsHelp, {{"reason", to_string(code)}});
  }
  const bool ask = config.proxy_from_environment;
  auto rules = ProxyRules::make(
      config.proxy_url, config.no_proxy,
      [ask](const char* name) -> const char* { return ask ? std::getenv(name) : nullptr; });
  if (rules) {
    proxy_rules_ = std::move(*rules);
  } else if (complaint_.empty()) {
    complaint_ = "proxy from the environment: " + rules.error().message;
  }
  if (config.oauth2) {
    tokens_ = std::make_unique<OAuth2Tokens>(client, *config.oauth2, config, metrics);
  }
}

HttpChannel::~HttpChannel() {
  client_.keep_more_connections(-kept_connections_);
}

void HttpChannel::keep_connections(size_t servers) {
  const long wanted = static_cast<long>(servers);
  client_.keep_more_connections(wanted - kept_connections_);
  kept_connections_ = wanted;
}

CallId HttpChannel::call(const Call& call, std::function<void(CallResult)> done) {
  auto owned = std::make_unique<Flight>();
  Flight& flight = *owned;
  flight.call = call;
  flight.done = std::move(done);
  flight.started_ns = client_.lane().clock().monotonic_ns();
  const CallId id = flights_.add(std::move(owned));

  Status checked = check(call);
  if (checked) {
    if (auto to = client_.destinations().find(call.url)) {
      flight.to = std::move(*to);
    } else {
      checked = tl::unexpected<Error>(std::move(to.error()));
    }
  }
  if (checked && can_start_at_once()) {
    read_files(id);
    if (Flight* started = flights_.find(id)) {
      started->in_call = false;
    }
    return id;
  }
  set_deadline(id, flight);
  flight.in_call = false;
  // In a turn of its own: nothing may call back before we have returned.
  flights_.later(id, [this, id, checked] {
    if (checked) {
      read_files(id);
    } else {
      fail_call(id, checked.error());
    }
  });
  return id;
}

/// Nothing has to be waited for but the server, and libcurl has a timer for that.
bool HttpChannel::can_start_at_once() const {
  return !tokens_ && files_.is_fresh();
}

void HttpChannel::set_deadline(CallId id, Flight& flight) {
  if (flight.deadline) {
    return;
  }
  flight.deadline = client_.lane().timer([this, id] { fail_late(id); });
  flight.deadline->start(flight.remaining(client_.lane().clock()));
}

void HttpChannel::fail_late(CallId id) {
  if (const Flight* late = flights_.find(id)) {
    fail_call(id, {ErrorCode::timeout, fmt::format("no answer within {} ms ({})",
                                                   late->call.timeout.count(), late->doing)});
  }
}

void HttpChannel::cancel(CallId id) {
  flights_.take(id);
}

Status HttpChannel::check(const Call& call) const {
  if (!complaint_.empty()) {
    return fail(ErrorCode::invalid, complaint_);
  }
  if (last_.shape && last_.headers == call.headers && last_.shape->method == call.method) {
    return {};  // looked at before
  }
  for (const auto& [name, value] : call.headers) {
    // Values may come from records (a tenant by label): they must not make further headers.
    if (!is_header_name(name) || !is_header_value(value)) {
      return fail(ErrorCode::invalid,
                  fmt::format("the header \"{}\" has an impossible name or value", name));
    }
  }
  if (!is_header_name(call.method)) {
    return fail(ErrorCode::invalid, "impossible HTTP method");
  }
  return {};
}

void HttpChannel::read_files(CallId id) {
  files_.fresh(flights_.guarded(id, [this, id](const Status& status, const auto& files) {
    if (!status) {
      fail_call(id, status.error());
      return;
    }
    if (files != used_files_) {
      used_files_ = files;
      tls_material_ = std::make_shared<TlsMaterial>(tls_material(config_.tls_config, *files));
    }
    get_token(id);
  }));
}

void HttpChannel::get_token(CallId id) {
  if (!tokens_) {
    resolve(id);
    return;
  }
  Flight& flight = *flights_.find(id);
  flight.doing = "fetching an access token";
  tokens_->get(flights_.guarded(id, [this, id, &flight](const Result<std::string>& token) {
    if (!token) {
      fail_call(id, token.error());
      return;
    }
    flight.token = *token;
    resolve(id);
  }));
}

void HttpChannel::resolve(CallId id) {
  Flight& flight = *flights_.find(id);
  const Proxy& proxy = proxy_rules_.for_url(flight.to->url);
  if (proxy.url.empty() && flight.to->is_numeric) {
    start_transfer(id, proxy, nullptr);
    return;
  }
  flight.doing = "resolving the host";
  const std::string host = proxy.url.empty() ? flight.to->url.host : proxy.host;
  auto answered = std::make_shared<bool>(false);
  auto then = flights_.guarded(id, [this, id, &proxy, host](const auto& addresses) {
    if (addresses) {
      start_transfer(id, proxy, is_numeric_address(host) ? nullptr : *addresses);
    } else {
      fail_call(id, addresses.error());
    }
  });
  client_.resolver().resolve(host, [answered, then](const auto& addresses) mutable {
    *answered = true;
    then(addresses);
  });
  if (!*answered) {
    set_deadline(id, flight);
  }
}

void HttpChannel::start_transfer(CallId id, const Proxy& proxy, const Addresses& addresses) {
  Flight& flight = *flights_.find(id);
  flight.doing = "connecting or waiting for the answer";
  TransferSpec spec;
  spec.shape = shape_of(flight, proxy);
  spec.to = flight.to;
  spec.body = flight.call.body;
  spec.addresses = addresses;
  spec.sink = flight.call.sink;
  spec.expected_bytes = flight.call.expected_bytes;
  if (!flight.deadline) {
    spec.timeout = flight.remaining(client_.lane().clock());
  }
  flight.transfer.reset();  // gives its handle back for the next one
  flight.transfer = std::make_unique<Transfer>(
      client_, std::move(spec),
      [this, id](TransferResult result) { on_answer(id, std::move(result)); });
}

/// The last one again, as long as nothing of it has changed.
const std::shared_ptr<const TransferShape>& HttpChannel::shape_of(const Flight& flight,
                                                                  const Proxy& proxy) {
  const Call& call = flight.call;
  const bool with_tls = flight.to->url.scheme == "https" || proxy.url.starts_with("https:");
  const bool is_read = call.method == "GET" || call.method == "HEAD";
  const bool has_body = call.method != "HEAD" && (!is_read || !call.body.empty());
  // The header Host depends on the URL there, and the credentials of AWS on the environment.
  const bool is_of_one_call = config_.sigv4 || !config_.tls_config.server_name.empty();
  if (last_.shape && !is_of_one_call && last_.shape->method == call.method &&
      last_.shape->has_body == has_body && last_.shape->reads == (call.sink != nullptr) &&
      last_.shape->with_tls == with_tls && last_.shape->proxy.url == proxy.url &&
      last_.left_host == flight.left_host && last_.files == used_files_ &&
      last_.token == flight.token && last_.headers == call.headers) {
    return last_.shape;
  }
  auto shape = std::make_shared<TransferShape>();
  shape->method = call.method;
  shape->has_body = has_body;
  shape->reads = call.sink != nullptr;
  shape->header_lines = header_lines(flight, has_body);
  shape->proxy = proxy;
  if (!proxy.url.empty()) {
    shape->proxy_headers = &config_.proxy_connect_header;
  }
  shape->with_tls = with_tls;
  shape->tls = &config_.tls_config;
  shape->tls_material = tls_material_;
  shape->connect_timeout = kConnectTimeout;
  if (config_.sigv4 && !flight.left_host) {
    set_sigv4(*shape);
  }
  last_ = {std::move(shape), call.headers, used_files_, flight.token, flight.left_host};
  return last_.shape;
}

void HttpChannel::on_answer(CallId id, TransferResult result) {
  Flight& flight = *flights_.find(id);
  if (result.opened_connection) {
    connections_.increment();
  }
  if (result.could_not_connect) {
    const Proxy& proxy = proxy_rules_.for_url(flight.to->url);
    client_.resolver().distrust(proxy.url.empty() ? flight.to->url.host : proxy.host);
  }
  if (!result.transport) {
    const bool is_late = result.transport.error().code == ErrorCode::timeout && !flight.deadline;
    if (is_late && flight.remaining(client_.lane().clock()) <= std::chrono::milliseconds(1)) {
      fail_late(id);
    } else {
      fail_call(id, result.transport.error());
    }
    return;
  }
  if (!result.redirect_url.empty() && follow(flight, result)) {
    if (flight.redirects > kMaxRedirects) {
      fail_call(id, {ErrorCode::network, fmt::format("more than {} redirects", kMaxRedirects)});
    } else {
      resolve(id);
    }
    return;
  }
  if (result.status == 401 && tokens_ && !flight.token_renewed && !flight.left_host) {
    flight.token_renewed = true;
    tokens_->invalidate(flight.token);
    get_token(id);
    return;
  }
  finish(id, {{}, result.status, std::move(result.headers), std::move(result.body)});
}

bool HttpChannel::follow(Flight& flight, const TransferResult& result) {
  if (!config_.follow_redirects) {
    return false;
  }
  // Data stays data: a POST that became a GET would be answered 200 by many a login page, and
  // taken for delivered. So 303, which asks for a GET, is followed only by one.
  const bool keeps_method =
      result.status == 301 || result.status == 302 || result.status == 307 || result.status == 308;
  const bool is_read = flight.call.method == "GET" || flight.call.method == "HEAD";
  if (!keeps_method && !(result.status == 303 && is_read)) {
    return false;
  }
  auto target = read_destination(result.redirect_url);
  if (!target) {
    return false;
  }
  const Url& from = flight.to->url;
  const Url& to = target->url;
  if (to.host != from.host || (from.scheme == "https" && to.scheme == "http")) {
    flight.left_host = true;
  }
  flight.to = std::make_shared<const Destination>(std::move(*target));
  ++flight.redirects;
  return true;
}

void HttpChannel::fail_call(CallId id, Error error) {
  if (flights_.find(id)->in_call) {  // nothing may call back before call() has returned
    flights_.later(id, [this, id, error = std::move(error)] { fail_call(id, error); });
    return;
  }
  metrics_.counter(kErrorsName, kErrorsHelp, {{"reason", to_string(error.code)}}).increment();
  CallResult result;
  result.transport = tl::unexpected<Error>(std::move(error));
  finish(id, std::move(result));
}

void HttpChannel::finish(CallId id, CallResult result) {
  const std::unique_ptr<Flight> flight = flights_.take(id);
  // The transfer ends first: the body may go, and a new call may reuse handle and connection.
  flight->transfer.reset();
  flight->done(std::move(result));  // may destroy this
}

std::vector<std::string> HttpChannel::header_lines(const Flight& flight, bool has_body) const {
  std::vector<std::string> lines;
  const auto add = [&lines](std::string_view name, std::string_view value) {
    // libcurl takes "Name:" for "leave this header out", and "Name;" for an empty one.
    lines.push_back(value.empty() ? fmt::format("{};", name) : fmt::format("{}: {}", name, value));
  };
  const Headers& own = flight.call.headers;
  for (const auto& [name, value] : own) {
    const bool is_secret = same_name(name, "authorization") || same_name(name, "cookie");
    if (!flight.left_host || !is_secret) {
      add(name, value);
    }
  }
  if (!flight.left_host) {
    for (const auto& [name, value] : config_.headers) {
      if (!has_name(own, name)) {
        add(name, value);
      }
    }
    for (const auto& [name, values] : config_.http_headers) {
      if (!has_name(own, name)) {
        for (const std::string& value : header_values(values, *used_files_)) {
          if (is_header_value(value)) {  // a file may hold anything
            add(name, value);
          }
        }
      }
    }
    const std::string authorization =
        tokens_ ? "Bearer " + flight.token : authorization_value(config_, *used_files_);
    if (!authorization.empty() && is_header_value(authorization)) {
      add("Authorization", authorization);
    }
  }
  const bool has_agent = has_name(own, "user-agent") || config_.headers.contains("User-Agent") ||
                         std::ranges::any_of(config_.http_headers, [](const auto& header) {
                           return same_name(header.first, "user-agent");
                         });
  if (!has_agent) {
    add("User-Agent", "tailrace/" TAILRACE_VERSION);
  }
  if (has_body && !has_name(own, "content-type") && !config_.sigv4) {
    lines.emplace_back("Content-Type:");  // libcurl would say it is a form
  }
  const std::string& server_name = config_.tls_config.server_name;
  const Url& url = flight.to->url;
  if (url.scheme == "https" && !server_name.empty() && !has_name(own, "host")) {
    const bool is_v6 = url.host.find(':') != std::string::npos;
    const std::string host = is_v6 ? "[" + url.host + "]" : url.host;
    add("Host", url.port == 443 ? host : fmt::format("{}:{}", host, url.port));
  }
  return lines;
}

void HttpChannel::set_sigv4(TransferShape& shape) const {
  const SigV4& sigv4 = *config_.sigv4;
  shape.aws_sigv4 = "aws:amz";
  if (!sigv4.region.empty() || !sigv4.service.empty()) {
    shape.aws_sigv4 += fmt::format(":{}:{}", sigv4.region, sigv4.service);
  }
  if (!sigv4.access_key.empty()) {
    shape.aws_user_pwd = fmt::format("{}:{}", sigv4.access_key, sigv4.secret_key.text);
    return;
  }
  shape.aws_user_pwd =
      fmt::format("{}:{}", environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"));
  const std::string session = environment("AWS_SESSION_TOKEN");
  if (!session.empty()) {
    shape.header_lines.push_back("X-Amz-Security-Token: " + session);
  }
}

}  // namespace tailrace::net
