#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tailrace/channel.h"
#include "tailrace/http.h"
#include "tailrace/metrics.h"

#include "net/http_client.h"
#include "net/watched_files.h"

namespace tailrace::net {

/// Access tokens by OAuth 2.0's client credentials grant (RFC 6749, 4.4), fetched when needed.
///
/// A token is renewed shortly before it ends while the old one stays in use; all who wait share one
/// request.
/// Lane: the client's.
class OAuth2Tokens {
 public:
  using Done = std::function<void(const Result<std::string>& token)>;

  /// `proxy_from` gives the proxy options.
  OAuth2Tokens(HttpClient& client, const OAuth2& config, const HttpClientConfig& proxy_from,
               Metrics& metrics);
  ~OAuth2Tokens();
  OAuth2Tokens(const OAuth2Tokens&) = delete;
  OAuth2Tokens& operator=(const OAuth2Tokens&) = delete;

  /// May call back before it returns; never once this object is gone.
  void get(Done done);
  /// The server did not accept this token.
  void invalidate(const std::string& token);

 private:
  void fetch();
  void send(const std::string& secret);
  void take(const CallResult& answer, const std::string& secret);
  void end(Result<std::string> result);

  HttpClient& client_;
  const OAuth2 config_;
  WatchedFiles files_;
  std::unique_ptr<Channel> channel_;
  Counter& fetched_;
  Counter& failed_;

  std::string token_;
  bool expires_ = false;
  int64_t renew_at_ns_ = 0;
  int64_t expires_at_ns_ = 0;

  std::vector<Done> waiting_;
  bool fetching_ = false;
  // Servers take the client's credentials in the header or in the body; the first that works stays.
  bool in_body_ = false;
  bool style_known_ = false;
  std::string body_;  // of the request under way
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

/// The token and its lifetime from a token endpoint's answer.
struct TokenAnswer {
  std::string token;
  double expires_in_seconds = 0;  // 0 = not said
};
Result<TokenAnswer> parse_token_answer(const std::string& json);

}  // namespace tailrace::net
