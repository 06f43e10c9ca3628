#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "tailrace/channel.h"
#include "tailrace/http.h"
#include "tailrace/metrics.h"
#include "tailrace/url.h"

#include "net/flights.h"
#include "net/grpc_transport.h"
#include "net/http_client.h"
#include "net/oauth2_tokens.h"
#include "net/watched_files.h"

namespace tailrace::net {

/// gRPC calls with one set of client options: credentials, TLS, proxy.
///
/// A call goes through: files no older than a second; an access token where OAuth 2.0 is used; the
/// connection to the URL's host, made when it is first called, and made anew when certificates have
/// changed. A server that says UNAUTHENTICATED is asked once more with a new token.
/// Lane: the client's.
class GrpcChannel final : public Channel {
 public:
  GrpcChannel(HttpClient& client, GrpcTransport& transport, const HttpClientConfig& config,
              const GrpcClientConfig& grpc, Metrics& metrics);
  ~GrpcChannel() override;
  GrpcChannel(const GrpcChannel&) = delete;
  GrpcChannel& operator=(const GrpcChannel&) = delete;

  CallId call(const Call& call, std::function<void(CallResult)> done) override;
  void cancel(CallId id) override;

 private:
  struct Flight;

  void start(CallId id);
  void read_files(CallId id);
  void get_token(CallId id);
  void send(CallId id);
  Result<GrpcConnection*> connection_to(const Url& url);
  Headers metadata_of(const Flight& flight) const;
  void on_outcome(CallId id, GrpcOutcome outcome);
  void fail_call(CallId id, Error error);
  void finish(CallId id, CallResult result);

  HttpClient& client_;
  GrpcTransport& transport_;
  const HttpClientConfig config_;
  const GrpcClientConfig grpc_;
  std::string complaint_;
  WatchedFiles files_;
  std::shared_ptr<const WatchedFiles::Contents> used_files_;
  std::unique_ptr<OAuth2Tokens> tokens_;
  Metrics& metrics_;

  std::map<std::string, std::unique_ptr<GrpcConnection>> connections_;  // by scheme, host and port
  Flights<Flight> flights_;
};

}  // namespace tailrace::net
