#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tailrace/channel.h"
#include "tailrace/http.h"
#include "tailrace/metrics.h"

#include "net/flights.h"
#include "net/http_client.h"
#include "net/oauth2_tokens.h"
#include "net/proxy.h"
#include "net/transfer.h"
#include "net/watched_files.h"

namespace tailrace::net {

/// Calls with one set of client options: credentials, TLS, proxy, redirects.
///
/// A call goes through: files (passwords, certificates) no older than a second; an access token
/// where OAuth 2.0 is used; the address; the transfer; and again from the address on for a
/// redirect, or from the token on, once, when the server answers 401.
/// Lane: the client's.
class HttpChannel final : public Channel {
 public:
  HttpChannel(HttpClient& client, const HttpClientConfig& config, Metrics& metrics);
  ~HttpChannel() override;
  HttpChannel(const HttpChannel&) = delete;
  HttpChannel& operator=(const HttpChannel&) = delete;

  CallId call(const Call& call, std::function<void(CallResult)> done) override;
  void cancel(CallId id) override;
  void keep_connections(size_t servers) override;

 private:
  struct Flight;

  Status check(const Call& call) const;
  bool can_start_at_once() const;
  void set_deadline(CallId id, Flight& flight);
  void read_files(CallId id);
  void get_token(CallId id);
  void resolve(CallId id);
  void start_transfer(CallId id, const Proxy& proxy, const Addresses& addresses);
  const std::shared_ptr<const TransferShape>& shape_of(const Flight& flight, const Proxy& proxy);
  void on_answer(CallId id, TransferResult result);
  bool follow(Flight& flight, const TransferResult& result);
  void fail_call(CallId id, Error error);
  void fail_late(CallId id);
  void finish(CallId id, CallResult result);
  std::vector<std::string> header_lines(const Flight& flight, bool has_body) const;
  void set_sigv4(TransferShape& shape) const;

  HttpClient& client_;
  const HttpClientConfig config_;
  std::string complaint_;
  ProxyRules proxy_rules_;
  WatchedFiles files_;
  std::shared_ptr<const WatchedFiles::Contents> used_files_;
  std::shared_ptr<const TlsMaterial> tls_material_;
  std::unique_ptr<OAuth2Tokens> tokens_;

  /// The shape of the last transfer, and what of its call went into it.
  struct LastShape {
    std::shared_ptr<const TransferShape> shape;  // null: none
    Headers headers;
    std::shared_ptr<const WatchedFiles::Contents> files;
    std::string token;
    bool left_host = false;
  };
  LastShape last_;

  Counter& connections_;
  Metrics& metrics_;

  long kept_connections_ = 0;
  Flights<Flight> flights_;
};

}  // namespace tailrace::net
