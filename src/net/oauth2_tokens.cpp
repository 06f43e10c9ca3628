#include "net/oauth2_tokens.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "tailrace/arena.h"

#include "codec/json.h"
#include "net/credentials.h"

namespace tailrace::net {

namespace {

constexpr double kRenewEarlySeconds = 60;
constexpr int64_t kRetryTokenNs = 5'000'000'000;

HttpClientConfig token_client(const OAuth2& oauth2, const HttpClientConfig& proxy_from) {
  HttpClientConfig config;
  config.tls_config = oauth2.tls_config;
  if (oauth2.own_proxy) {
    config.proxy_url = oauth2.proxy_url;
    config.no_proxy = oauth2.no_proxy;
    config.proxy_from_environment = oauth2.proxy_from_environment;
    config.proxy_connect_header = oauth2.proxy_connect_header;
    return config;
  }
  config.proxy_url = proxy_from.proxy_url;
  config.no_proxy = proxy_from.no_proxy;
  config.proxy_from_environment = proxy_from.proxy_from_environment;
  config.proxy_connect_header = proxy_from.proxy_connect_header;
  return config;
}

}  // namespace

Result<TokenAnswer> parse_token_answer(const std::string& json) {
  TokenAnswer answer;
  std::string type;
  Arena arena;
  codec::JsonReader reader;
  const bool ok =
      reader.each_field(json, arena, [&](std::string_view key, codec::JsonValue& value) {
        std::string_view text;
        if (key == "access_token" && value.type() == codec::JsonType::string && value.text(text)) {
          answer.token = text;
        } else if (key == "expires_in" && value.text(text)) {
          // Some servers send the number as a string.
          answer.expires_in_seconds =
              std::max(0.0, std::strtod(std::string(text).c_str(), nullptr));
        }
        return true;
      });
  if (!ok) {
    return fail(ErrorCode::invalid, "the token endpoint's answer is not a JSON object");
  }
  if (answer.token.empty() || !is_header_value(answer.token)) {
    return fail(ErrorCode::invalid, "the token endpoint's answer has no usable access_token");
  }
  return answer;
}

OAuth2Tokens::OAuth2Tokens(HttpClient& client, const OAuth2& config,
                           const HttpClientConfig& proxy_from, Metrics& metrics)
    : client_(client),
      config_(config),
      files_(client.lane(), {config.client_secret_file}),
      channel_(client.channel(token_client(config, proxy_from), metrics)),
      fetched_(metrics.counter("http_client_oauth2_fetches_total",
                               "Access tokens asked for, by outcome.", {{"outcome", "success"}})),
      failed_(metrics.counter("http_client_oauth2_fetches_total",
                              "Access tokens asked for, by outcome.", {{"outcome", "failure"}})) {}

OAuth2Tokens::~OAuth2Tokens() = default;

void OAuth2Tokens::get(Done done) {
  const int64_t now = client_.lane().clock().monotonic_ns();
  if (!token_.empty() && (!expires_ || now < expires_at_ns_)) {
    if (expires_ && now >= renew_at_ns_) {
      fetch();
    }
    done(token_);
    return;
  }
  waiting_.push_back(std::move(done));
  fetch();
}

void OAuth2Tokens::invalidate(const std::string& token) {
  if (token == token_) {
    token_.clear();
  }
}

void OAuth2Tokens::fetch() {
  if (fetching_) {
    return;
  }
  fetching_ = true;
  files_.fresh([this](const Status& status, const auto& files) {
    if (!status) {
      end(tl::unexpected<Error>(status.error()));
      return;
    }
    send(config_.client_secret_file.empty() ? config_.client_secret.text
                                            : trimmed(files->at(config_.client_secret_file)));
  });
}

void OAuth2Tokens::send(const std::string& secret) {
  body_ = "grant_type=client_credentials";
  std::string scopes;
  for (const std::string& scope : config_.scopes) {
    scopes += (scopes.empty() ? "" : " ") + scope;
  }
  if (!scopes.empty()) {
    body_ += "&scope=" + percent_encoded(scopes);
  }
  for (const auto& [name, value] : config_.endpoint_params) {
    body_ += "&" + percent_encoded(name) + "=" + percent_encoded(value);
  }
  Call call;
  call.url = config_.token_url;
  call.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                  {"Accept", "application/json"}};
  if (in_body_) {
    body_ += "&client_id=" + percent_encoded(config_.client_id) +
             "&client_secret=" + percent_encoded(secret);
  } else {
    // RFC 6749, 2.3.1: both are form-encoded before they become user and password.
    call.headers.emplace_back(
        "Authorization",
        basic_header_value(percent_encoded(config_.client_id), percent_encoded(secret)));
  }
  call.body = body_;
  channel_->call(call, [this, secret](const CallResult& answer) { take(answer, secret); });
}

void OAuth2Tokens::take(const CallResult& answer, const std::string& secret) {
  if (!answer.transport) {
    end(fail(answer.transport.error().code,
             "fetching an access token: " + answer.transport.error().message));
    return;
  }
  if ((answer.status == 400 || answer.status == 401) && !style_known_ && !in_body_) {
    in_body_ = true;
    send(secret);
    return;
  }
  if (answer.status != 200) {
    if (!style_known_) {
      in_body_ = false;
    }
    end(fail(
        answer.status >= 500 || answer.status == 429 ? ErrorCode::network : ErrorCode::permission,
        fmt::format("fetching an access token: {} answered {}: {}", config_.token_url,
                    answer.status, answer.body.substr(0, 200))));
    return;
  }
  auto parsed = parse_token_answer(answer.body);
  if (!parsed) {
    end(tl::unexpected<Error>(parsed.error()));
    return;
  }
  style_known_ = true;
  token_ = std::move(parsed->token);
  expires_ = parsed->expires_in_seconds > 0;
  const int64_t now = client_.lane().clock().monotonic_ns();
  const double lifetime = std::min(parsed->expires_in_seconds, 1e9);
  expires_at_ns_ = now + static_cast<int64_t>(lifetime * 1e9);
  renew_at_ns_ =
      expires_at_ns_ - static_cast<int64_t>(std::min(kRenewEarlySeconds, lifetime / 5) * 1e9);
  end(token_);
}

void OAuth2Tokens::end(Result<std::string> result) {
  fetching_ = false;
  (result ? fetched_ : failed_).increment();
  if (!result) {
    // The old token may be good for a while: don't ask again with every call until it ends.
    renew_at_ns_ = client_.lane().clock().monotonic_ns() + kRetryTokenNs;
  }
  const std::weak_ptr<char> alive = alive_;
  for (Done& waiter : std::exchange(waiting_, {})) {
    waiter(result);
    if (alive.expired()) {
      return;
    }
  }
}

}  // namespace tailrace::net
