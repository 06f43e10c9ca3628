// Client and server against each other, with certificates of the test's own authorities.

#include <memory>
#include <optional>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include "base/metrics_registry.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "testkit/http_calls.h"
#include "testkit/raw_server.h"
#include "testkit/recording_handler.h"
#include "testkit/test_certificates.h"
#include "testkit/uv_test_lane.h"

using namespace tailrace;
using namespace std::chrono_literals;

namespace {

/// Certificates that all cases share; making them takes a moment.
struct Pki {
  testkit::TempFolder folder;
  testkit::TestAuthority ours{folder, "ours"};
  testkit::TestAuthority theirs{folder, "theirs"};

  Pki() {
    ours.sign("server", "server", "DNS:localhost,IP:127.0.0.1");
    ours.sign("named", "named", "DNS:loki.example.com");
    ours.sign("client", "client", "DNS:client");
    theirs.sign("stranger", "stranger", "DNS:client");
    theirs.sign("their-server", "server", "DNS:localhost,IP:127.0.0.1");
  }
};

const Pki& pki() {
  static const Pki made;
  return made;
}

struct Pair {
  testkit::UvTestLane lane;
  MetricsRegistry metrics;
  testkit::RecordingHandler handler;
  std::unique_ptr<HttpServer> server;
  net::HttpClient client{lane.lane()};

  explicit Pair(const std::string& certificate = "server", bool ask_clients = false,
                const testkit::TempFolder& folder = pki().folder) {
    HttpServerConfig config;
    config.listen = "127.0.0.1:0";
    config.tls =
        TlsServerConfig{folder.path(certificate + ".pem"), folder.path(certificate + ".key"),
                        ask_clients ? pki().ours.certificate_file() : ""};
    auto made = net::make_http_server(lane.lane(), config, handler, false);
    REQUIRE(made.has_value());
    server = std::move(*made);
  }

  CallResult post(const TlsClientConfig& tls, const std::string& host = "127.0.0.1",
                  std::string_view body = "x") {
    return post_by(client, tls, host, body);
  }
  /// By a client without kept connections.
  CallResult connect_anew(const TlsClientConfig& tls) {
    net::HttpClient fresh(lane.lane());
    return post_by(fresh, tls, "127.0.0.1", "x");
  }

 private:
  CallResult post_by(net::HttpClient& by, const TlsClientConfig& tls, const std::string& host,
                     std::string_view body) {
    HttpClientConfig config;
    config.tls_config = tls;
    const auto channel = by.channel(config, metrics.scope(0, {}));
    return testkit::call_and_wait(
        lane, *channel,
        testkit::post_call(fmt::format("https://{}:{}/", host, server->port()), body));
  }
};

TlsClientConfig trusting_ours() {
  TlsClientConfig tls;
  tls.ca_file = pki().ours.certificate_file();
  return tls;
}

void check_refused(const CallResult& result) {
  REQUIRE_FALSE(result.transport.has_value());
  CHECK(result.transport.error().code == ErrorCode::tls);
}

/// The server ends the handshake without saying why, so this may look like a network failure.
void check_ended(const CallResult& result) {
  REQUIRE_FALSE(result.transport.has_value());
  CHECK((result.transport.error().code == ErrorCode::tls ||
         result.transport.error().code == ErrorCode::network));
}

}  // namespace

TEST_CASE("TLS: a server whose authority is trusted") {
  Pair pair;
  CHECK(pair.post(trusting_ours()).status == 204);
  CHECK(pair.post(trusting_ours(), "localhost").status == 204);
  TlsClientConfig inline_ca;
  inline_ca.ca = pki().folder.read("ours.pem");
  inline_ca.min_version = TlsVersion::tls13;
  CHECK(pair.post(inline_ca).status == 204);
}

TEST_CASE("TLS: a large body each way") {
  Pair pair;
  pair.handler.limit = 16 * 1024 * 1024;
  pair.handler.body = [](const auto& exchange, const std::string&) {
    exchange->reply(200, {}, std::string(60'000, 'r'));
  };
  std::string body(5 * 1024 * 1024, '\0');
  for (size_t i = 0; i < body.size(); ++i) {
    body[i] = static_cast<char>(i * 13);
  }
  const CallResult result = pair.post(trusting_ours(), "127.0.0.1", body);
  CHECK(result.status == 200);
  CHECK(result.body.size() == 60'000);
  CHECK(pair.handler.bodies.back() == body);
}

TEST_CASE("TLS: an unknown authority, or another name, is refused") {
  Pair pair;
  check_refused(pair.post({}));
  TlsClientConfig wrong;
  wrong.ca_file = pki().theirs.certificate_file();
  check_refused(pair.post(wrong));
  Pair named("named");
  check_refused(named.post(trusting_ours()));
  CHECK(pair.handler.heads.empty());
  CHECK(named.handler.heads.empty());
}

TEST_CASE("TLS: insecure_skip_verify takes anything") {
  Pair pair("named");
  TlsClientConfig careless;
  careless.insecure_skip_verify = true;
  CHECK(pair.post(careless).status == 204);
}

TEST_CASE("TLS: server_name is the name to present and to verify, the URL says where") {
  Pair pair("named");
  TlsClientConfig tls = trusting_ours();
  tls.server_name = "loki.example.com";
  CHECK(pair.post(tls).status == 204);
  CHECK(pair.handler.heads.back()->head().header("host") ==
        fmt::format("127.0.0.1:{}", pair.server->port()));
  tls.server_name = "other.example.com";
  check_refused(pair.post(tls));
}

TEST_CASE("TLS: client certificates") {
  Pair pair("server", true);
  check_ended(pair.post(trusting_ours()));
  CHECK(pair.handler.heads.empty());

  TlsClientConfig known = trusting_ours();
  known.cert_file = pki().folder.path("client.pem");
  known.key_file = pki().folder.path("client.key");
  CHECK(pair.post(known).status == 204);

  TlsClientConfig in_line = trusting_ours();
  in_line.cert = pki().folder.read("client.pem");
  in_line.key.text = pki().folder.read("client.key");
  CHECK(pair.post(in_line).status == 204);

  TlsClientConfig stranger = trusting_ours();
  stranger.cert_file = pki().folder.path("stranger.pem");
  stranger.key_file = pki().folder.path("stranger.key");
  check_ended(pair.post(stranger));
  CHECK(pair.handler.heads.size() == 2);
}

TEST_CASE("TLS: connections of different certificates are not mixed up") {
  Pair pair("server", true);
  HttpClientConfig known;
  known.tls_config = trusting_ours();
  known.tls_config.cert_file = pki().folder.path("client.pem");
  known.tls_config.key_file = pki().folder.path("client.key");
  const auto channel = pair.client.channel(known, pair.metrics.scope(0, {}));
  const std::string url = fmt::format("https://127.0.0.1:{}/", pair.server->port());
  CHECK(testkit::call_and_wait(pair.lane, *channel, testkit::post_call(url, "")).status == 204);
  // The kept connection would be accepted; a channel without certificate must not get it.
  check_ended(pair.post(trusting_ours()));
}

TEST_CASE("TLS: a replaced server certificate is used for new connections, a broken one is not") {
  testkit::TempFolder folder;
  const auto install = [&folder](const std::string& name) {
    folder.write("current.key", pki().folder.read(name + ".key"));
    folder.write("current.pem", pki().folder.read(name + ".pem"));
  };
  install("server");
  Pair pair("current", false, folder);
  TlsClientConfig theirs;
  theirs.ca_file = pki().theirs.certificate_file();
  CHECK(pair.post(trusting_ours()).status == 204);

  install("their-server");
  pair.lane.run_for(1100ms);
  pair.connect_anew(trusting_ours());  // makes the server look; this one may see the old files
  pair.lane.run_for(50ms);
  CHECK(pair.connect_anew(theirs).status == 204);
  check_refused(pair.connect_anew(trusting_ours()));

  folder.write("current.pem", "nonsense");
  pair.lane.run_for(1100ms);
  pair.connect_anew(theirs);
  pair.lane.run_for(50ms);
  CHECK(pair.connect_anew(theirs).status == 204);
}

TEST_CASE("TLS: a stalled handshake costs next to nothing, and holds nobody up") {
  Pair pair;
  testkit::RawClient stalled(pair.server->port());
  stalled.send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");  // of a ClientHello, the start
  pair.lane.run_for(20ms);
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  pair.lane.run_for(300ms);
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  const auto used_us = [](const rusage& usage) {
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
  };
  CHECK(used_us(after) - used_us(before) < 150'000);  // spinning would take all 300,000
  CHECK(pair.post(trusting_ours()).status == 204);
}

TEST_CASE("TLS: a client's replaced authority file is used within a second") {
  testkit::TempFolder folder;
  folder.write("ca.pem", pki().folder.read("theirs.pem"));
  Pair pair;
  HttpClientConfig config;
  config.tls_config.ca_file = folder.path("ca.pem");
  const auto channel = pair.client.channel(config, pair.metrics.scope(0, {}));
  const Call call =
      testkit::post_call(fmt::format("https://127.0.0.1:{}/", pair.server->port()), "");
  check_refused(testkit::call_and_wait(pair.lane, *channel, call));
  folder.write("ca.pem", pki().folder.read("ours.pem"));
  pair.lane.run_for(1050ms);
  CHECK(testkit::call_and_wait(pair.lane, *channel, call).status == 204);
}

TEST_CASE("TLS: plain text to a TLS port, and TLS to a plain port") {
  Pair pair;
  MetricsRegistry metrics;
  const auto channel = pair.client.channel({}, metrics.scope(0, {}));
  const CallResult plain = testkit::call_and_wait(
      pair.lane, *channel,
      testkit::post_call(fmt::format("http://127.0.0.1:{}/", pair.server->port()), "x"));
  REQUIRE_FALSE(plain.transport.has_value());
  CHECK(plain.transport.error().code == ErrorCode::network);

  testkit::RawServer raw([](testkit::RawConnection& connection) {
    connection.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  const CallResult tls = testkit::call_and_wait(
      pair.lane, *channel,
      testkit::post_call(fmt::format("https://127.0.0.1:{}/", raw.port()), "x"));
  check_refused(tls);
}

TEST_CASE("TLS: unusable server files are refused at the start") {
  testkit::UvTestLane lane;
  testkit::RecordingHandler handler;
  const auto error_with = [&](const std::string& cert, const std::string& key,
                              const std::string& client_ca) {
    HttpServerConfig config;
    config.listen = "127.0.0.1:0";
    config.tls = TlsServerConfig{cert, key, client_ca};
    const auto made = net::make_http_server(lane.lane(), config, handler, false);
    REQUIRE_FALSE(made.has_value());
    return made.error();
  };
  const std::string cert = pki().folder.path("server.pem");
  const std::string key = pki().folder.path("server.key");
  CHECK(error_with("/nowhere/cert.pem", key, "").code == ErrorCode::not_found);
  CHECK(error_with(cert, pki().folder.path("client.key"), "").code == ErrorCode::invalid);
  CHECK(error_with(key, cert, "").code == ErrorCode::invalid);
  CHECK(error_with(cert, key, key).code == ErrorCode::invalid);
  CHECK(error_with("", "", "").code == ErrorCode::invalid);
}
