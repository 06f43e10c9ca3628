// Credentials, tokens, signatures and proxies, as servers see them.

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <gnutls/crypto.h>

#include "net/credentials.h"
#include "net/http_client_test.h"
#include "net/oauth2_tokens.h"
#include "testkit/config_text.h"
#include "testkit/test_certificates.h"

using namespace tailrace;
using namespace tailrace::net;
using namespace std::chrono_literals;

namespace {

std::string header_of(const std::string& request, const std::string& name) {
  const size_t at = request.find("\r\n" + name + ": ");
  if (at == std::string::npos) {
    return {};
  }
  const size_t start = at + name.size() + 4;
  return request.substr(start, request.find("\r\n", start) - start);
}

std::string body_of(const std::string& request) {
  return request.substr(request.find("\r\n\r\n") + 4);
}

std::string hex(const std::string& bytes) {
  std::string text;
  for (const unsigned char c : bytes) {
    text += fmt::format("{:02x}", c);
  }
  return text;
}

std::string sha256(const std::string& text) {
  std::string digest(32, '\0');
  gnutls_hash_fast(GNUTLS_DIG_SHA256, text.data(), text.size(), digest.data());
  return digest;
}

std::string hmac(const std::string& key, const std::string& text) {
  std::string digest(32, '\0');
  gnutls_hmac_fast(GNUTLS_MAC_SHA256, key.data(), key.size(), text.data(), text.size(),
                   digest.data());
  return digest;
}

/// A token endpoint and an API in one: tokens are "token-1", "token-2", …
struct Issuer {
  Seen token_requests;
  Seen api_requests;
  std::atomic<int> issued{0};
  std::atomic<int> oldest_valid{1};
  std::atomic<bool> wants_body_credentials{false};
  std::atomic<int> token_status{200};
  std::string lifetime = "3600";
  RawServer server{[this](RawConnection& connection) { serve(connection); }};

  void serve(RawConnection& connection) {
    for (std::string request; !(request = connection.read_request()).empty();) {
      if (request.starts_with("POST /token ")) {
        token_requests.add(request);
        const bool in_body = contains(request, "client_secret=");
        if (in_body != wants_body_credentials) {
          connection.answer(401, "", R"({"error":"invalid_client"})");
        } else if (token_status != 200) {
          connection.answer(token_status, "", "no");
        } else {
          connection.answer(200, "Content-Type: application/json\r\n",
                            fmt::format(R"({{"access_token":"token-{}","token_type":"Bearer",)"
                                        R"("expires_in":{}}})",
                                        ++issued, lifetime));
        }
        continue;
      }
      api_requests.add(request);
      const std::string value = header_of(request, "Authorization");
      const int number = value.starts_with("Bearer token-") ? std::atoi(value.c_str() + 13) : 0;
      connection.answer(number >= oldest_valid ? 204 : 401);
    }
  }

  HttpClientConfig config() const {
    HttpClientConfig config;
    OAuth2 oauth2;
    oauth2.client_id = "my id";
    oauth2.client_secret.text = "s:ecret";
    oauth2.token_url = server.url("/token");
    oauth2.scopes = {"logs.write", "more"};
    oauth2.endpoint_params = {{"audience", "https://x/"}};
    config.oauth2 = oauth2;
    return config;
  }
};

}  // namespace

TEST_CASE("HttpClient: basic_auth and authorization") {
  Seen seen;
  RawServer server(always(204, &seen));
  HttpClientConfig basic;
  basic.basic_auth = BasicAuth{"Aladdin", "", Secret{"open sesame"}, ""};
  CHECK(Client(basic).post(server.url()).status == 204);
  CHECK(header_of(seen[0], "Authorization") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  HttpClientConfig token;
  token.authorization = Authorization{"Token", Secret{"abc"}, ""};
  CHECK(Client(token).post(server.url()).status == 204);
  CHECK(header_of(seen[1], "Authorization") == "Token abc");
}

TEST_CASE("HttpClient: credentials from files, also when they change") {
  testkit::TempFolder folder;
  folder.write("password", "first\n");
  Seen seen;
  RawServer server(always(204, &seen));
  HttpClientConfig config;
  config.authorization = Authorization{"Bearer", {}, folder.path("password")};
  Client client(config);
  CHECK(client.post(server.url()).status == 204);
  CHECK(header_of(seen[0], "Authorization") == "Bearer first");
  folder.write("password", "second\n");
  client.lane.run_for(1050ms);
  CHECK(client.post(server.url()).status == 204);
  CHECK(header_of(seen[1], "Authorization") == "Bearer second");
  std::filesystem::remove(folder.path("password"));
  client.lane.run_for(1050ms);
  CHECK(client.post(server.url()).status == 204);
  CHECK(header_of(seen[2], "Authorization") == "Bearer second");
}

TEST_CASE("HttpClient: a file that is not there fails the call, and is looked for again") {
  testkit::TempFolder folder;
  Seen seen;
  RawServer server(always(204, &seen));
  HttpClientConfig config;
  config.basic_auth = BasicAuth{"u", "", {}, folder.path("late")};
  Client client(config);
  const CallResult result = client.post(server.url());
  REQUIRE_FALSE(result.transport.has_value());
  CHECK(result.transport.error().code == ErrorCode::not_found);
  CHECK(contains(result.transport.error().message, folder.path("late")));
  CHECK(server.accepted() == 0);
  folder.write("late", "p");
  client.lane.run_for(1050ms);
  CHECK(client.post(server.url()).status == 204);
  CHECK(header_of(seen[0], "Authorization") == "Basic dTpw");
}

TEST_CASE("HttpClient: OAuth 2.0 tokens are fetched once, and used until they end") {
  Issuer issuer;
  Client client(issuer.config());
  for (int i = 0; i < 3; ++i) {
    CHECK(client.post(issuer.server.url("/push")).status == 204);
  }
  REQUIRE(issuer.token_requests.size() == 1);
  const std::string request = issuer.token_requests[0];
  CHECK(header_of(request, "Authorization") == "Basic " + base64("my%20id:s%3Aecret"));
  CHECK(header_of(request, "Content-Type") == "application/x-www-form-urlencoded");
  CHECK(body_of(request) ==
        "grant_type=client_credentials&scope=logs.write%20more&audience=https%3A%2F%2Fx%2F");
  CHECK(header_of(issuer.api_requests[2], "Authorization") == "Bearer token-1");
}

TEST_CASE("HttpClient: calls that wait for a token share one request") {
  Issuer issuer;
  Client client(issuer.config());
  int answered = 0;
  for (int i = 0; i < 10; ++i) {
    client.channel->call(post_call(issuer.server.url("/push"), "x"),
                         [&](const CallResult& r) { answered += r.status == 204 ? 1 : 0; });
  }
  REQUIRE(client.lane.run_until([&] { return answered == 10; }));
  CHECK(issuer.token_requests.size() == 1);
}

TEST_CASE("HttpClient: a token that is not accepted is renewed, once per call") {
  Issuer issuer;
  Client client(issuer.config());
  CHECK(client.post(issuer.server.url("/push")).status == 204);
  issuer.oldest_valid = 2;
  CHECK(client.post(issuer.server.url("/push"), "data").status == 204);
  CHECK(body_of(issuer.api_requests[2]) == "data");
  CHECK(issuer.token_requests.size() == 2);
  issuer.oldest_valid = 1000;
  CHECK(client.post(issuer.server.url("/push")).status == 401);
  CHECK(issuer.token_requests.size() == 3);
}

TEST_CASE("HttpClient: token endpoints that want the credentials in the body") {
  Issuer issuer;
  issuer.wants_body_credentials = true;
  Client client(issuer.config());
  CHECK(client.post(issuer.server.url("/push")).status == 204);
  CHECK(issuer.token_requests.size() == 2);
  CHECK(contains(body_of(issuer.token_requests[1]), "client_id=my%20id&client_secret=s%3Aecret"));
  issuer.oldest_valid = 2;
  CHECK(client.post(issuer.server.url("/push")).status == 204);
  CHECK(issuer.token_requests.size() == 3);  // no second try of what did not work
}

TEST_CASE("HttpClient: an OAuth 2.0 endpoint that refuses, or answers nonsense, fails the call") {
  Issuer issuer;
  Client client(issuer.config());
  issuer.token_status = 403;
  const CallResult refused = client.post(issuer.server.url("/push"));
  REQUIRE_FALSE(refused.transport.has_value());
  CHECK(refused.transport.error().code == ErrorCode::permission);
  CHECK(contains(refused.transport.error().message, "answered 403"));
  issuer.token_status = 503;
  CHECK(client.post(issuer.server.url("/push")).transport.error().code == ErrorCode::network);
  issuer.token_status = 200;
  CHECK(client.post(issuer.server.url("/push")).status == 204);

  CHECK_FALSE(parse_token_answer("not json").has_value());
  CHECK_FALSE(parse_token_answer("[]").has_value());
  CHECK_FALSE(parse_token_answer("{}").has_value());
  CHECK_FALSE(parse_token_answer(R"({"access_token":"a\r\nb"})").has_value());
  CHECK_FALSE(parse_token_answer(R"({"access_token":7})").has_value());
  CHECK(parse_token_answer(R"({"access_token":"t","expires_in":"60"})")->expires_in_seconds == 60);
  CHECK(parse_token_answer(R"({"expires_in":-5,"access_token":"t"})")->expires_in_seconds == 0);
}

TEST_CASE("HttpClient: a token that ended is replaced before it is used") {
  Issuer issuer;
  issuer.lifetime = "1";
  Client client(issuer.config());
  CHECK(client.post(issuer.server.url("/push")).status == 204);
  client.lane.run_for(1100ms);
  CHECK(client.post(issuer.server.url("/push")).status == 204);
  CHECK(header_of(issuer.api_requests[1], "Authorization") == "Bearer token-2");
}

TEST_CASE("HttpClient: AWS signatures are right") {
  Seen seen;
  RawServer server(always(200, &seen));
  HttpClientConfig config;
  config.sigv4 = SigV4{"eu-central-1", "AKIDEXAMPLE", Secret{"wJalrXUtnFEMI/K7MDENG"}, "aps"};
  Client client(config);
  size_t size = 0;
  SUBCASE("of a small body") {
    size = 1000;
  }
  SUBCASE("of a body for which libcurl asks first") {
    size = 2 * 1024 * 1024;
  }
  std::string body(size, '\0');
  for (size_t i = 0; i < body.size(); ++i) {
    body[i] = static_cast<char>(i * 5);
  }
  Call call = post_call(server.url("/workspaces/ws-1/api/v1/remote_write"), body);
  call.headers = {{"Content-Type", "application/x-protobuf"},
                  {"Content-Encoding", "snappy"},
                  {"X-Prometheus-Remote-Write-Version", "0.1.0"}};
  CHECK(call_and_wait(client.lane, *client.channel, call).status == 200);
  const std::string request = seen[0];
  const std::string authorization = header_of(request, "Authorization");
  const std::string date = header_of(request, "X-Amz-Date");
  REQUIRE(date.size() == 16);
  const std::string scope = date.substr(0, 8) + "/eu-central-1/aps/aws4_request";
  CHECK(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/" + scope + ", "));

  // The signature over what really arrived, by the published recipe.
  const size_t names_at = authorization.find("SignedHeaders=") + 14;
  const std::string names =
      authorization.substr(names_at, authorization.find(',', names_at) - names_at);
  CHECK(contains(names, "content-type"));
  CHECK(contains(names, "host"));
  CHECK(contains(names, "x-amz-date"));
  std::string canonical = "POST\n/workspaces/ws-1/api/v1/remote_write\n\n";
  for (size_t at = 0; at < names.size();) {
    const size_t end = std::min(names.find(';', at), names.size());
    const std::string name = names.substr(at, end - at);
    std::string value;
    for (const char* spelled : {"Content-Type", "Content-Encoding", "Host", "X-Amz-Date",
                                "User-Agent", "X-Prometheus-Remote-Write-Version"}) {
      std::string lower = spelled;
      std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
      if (lower == name) {
        value = header_of(request, spelled);
      }
    }
    REQUIRE_FALSE(value.empty());
    canonical += name + ":" + value + "\n";
    at = end + 1;
  }
  canonical += "\n" + names + "\n" + hex(sha256(body));
  const std::string to_sign =
      "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + hex(sha256(canonical));
  const std::string key =
      hmac(hmac(hmac(hmac("AWS4wJalrXUtnFEMI/K7MDENG", date.substr(0, 8)), "eu-central-1"), "aps"),
           "aws4_request");
  CHECK(authorization.ends_with("Signature=" + hex(hmac(key, to_sign))));
}

TEST_CASE("HttpClient: an HTTP proxy gets the whole URL, and its credentials stay with it") {
  Seen seen;
  RawServer proxy(always(204, &seen));
  HttpClientConfig config;
  config.proxy_url = fmt::format("http://pu:pp@127.0.0.1:{}", proxy.port());
  config.no_proxy = "localhost";
  Client client(config);
  CHECK(client.post("http://no-such-host.invalid:3100/push").status == 204);
  CHECK(seen[0].starts_with("POST http://no-such-host.invalid:3100/push HTTP/1.1\r\n"));
  CHECK(header_of(seen[0], "Proxy-Authorization") == "Basic " + base64("pu:pp"));
  Seen direct;
  RawServer server(always(204, &direct));
  CHECK(client.post(fmt::format("http://localhost:{}/push", server.port())).status == 204);
  CHECK(direct[0].starts_with("POST /push HTTP/1.1\r\n"));
}

TEST_CASE("HttpClient: https through a proxy asks for a tunnel, without our headers") {
  Seen seen;
  RawServer proxy([&seen](RawConnection& connection) {
    seen.add(connection.read_head());
    connection.answer(403, "X-Proxy: 1\r\n", "no tunnels");
  });
  HttpClientConfig config;
  config.proxy_url = proxy.url();
  config.authorization = Authorization{"Bearer", Secret{"t"}, ""};
  Client client(config);
  const CallResult result = client.post("https://no-such-host.invalid/push");
  REQUIRE_FALSE(result.transport.has_value());
  CHECK(result.transport.error().code == ErrorCode::network);
  CHECK(contains(result.transport.error().message, "403"));
  CHECK(seen[0].starts_with("CONNECT no-such-host.invalid:443 HTTP/1.1\r\n"));
  CHECK_FALSE(contains(seen[0], "Bearer"));
}

TEST_CASE("HttpClient: headers for the proxy go to the proxy only") {
  Seen seen;
  RawServer proxy([&seen](RawConnection& connection) {
    seen.add(connection.read_head());
    connection.answer(403, "", "no tunnels");
  });
  HttpClientConfig config;
  config.proxy_url = proxy.url();
  config.proxy_connect_header = {{"X-Proxy", {"one", "two"}}};
  Client client(config);
  CHECK_FALSE(client.post("https://no-such-host.invalid/push").transport.has_value());
  CHECK(contains(seen[0], "X-Proxy: one\r\n"));
  CHECK(contains(seen[0], "X-Proxy: two\r\n"));
  config.no_proxy = "*";
  Seen direct;
  RawServer server(always(204, &direct));
  Client unproxied(config);
  CHECK(unproxied.post(server.url()).status == 204);
  CHECK_FALSE(contains(direct[0], "X-Proxy"));
}

TEST_CASE("HttpClient: a proxy of the environment only where it is wanted") {
  Seen seen;
  RawServer proxy(always(204, &seen));
  ::setenv("http_proxy", proxy.url().c_str(), 1);
  Client client(prometheus_http_client());
  CHECK_FALSE(client.post("http://no-such-host.invalid/").transport.has_value());
  CHECK(seen.size() == 0);
  Client asking;
  CHECK(asking.post("http://no-such-host.invalid/").status == 204);
  CHECK(seen.size() == 1);
  ::unsetenv("http_proxy");
}

TEST_CASE("HttpClient: http_headers are sent with every value, those of files too") {
  testkit::TempFolder folder;
  std::ofstream(folder.path("value")) << "from a file\n";
  Seen seen;
  RawServer server(always(204, &seen));
  HttpClientConfig config;
  config.http_headers = {{"X-Many", {{"one", "two"}, {"hidden"}, {folder.path("value")}}}};
  Client client(config);
  CHECK(client.post(server.url()).status == 204);
  for (const char* value : {"one", "two", "hidden", "from a file"}) {
    CHECK(contains(seen[0], fmt::format("X-Many: {}\r\n", value)));
  }
}

TEST_CASE("HttpClient: what cannot be right in the options") {
  const auto complaint_about = [](const std::function<void(HttpClientConfig&)>& change) {
    HttpClientConfig config;
    change(config);
    return complaint(config);
  };
  CHECK(complaint({}).empty());
  CHECK(complaint_about([](auto& c) {
          c.basic_auth = BasicAuth{"u", "", Secret{"p"}, ""};
          c.authorization = Authorization{"Bearer", Secret{"t"}, ""};
        }) == "set only one of basic_auth, authorization, oauth2 and sigv4");
  CHECK(complaint_about([](auto& c) { c.basic_auth.emplace(); }) ==
        "basic_auth: set username or username_file");
  CHECK(complaint_about([](auto& c) {
          c.basic_auth = BasicAuth{"u", "", Secret{"p"}, "/file"};
        }) == "basic_auth: set only one of password and password_file");
  CHECK(complaint_about([](auto& c) {
          c.authorization = Authorization{"basic", Secret{"t"}, ""};
        }) == "authorization: for type Basic use basic_auth");
  CHECK(complaint_about([](auto& c) { c.authorization.emplace(); }) ==
        "authorization: set credentials or credentials_file");
  CHECK(contains(complaint_about([](auto& c) {
                   c.authorization = Authorization{"two words", Secret{"t"}, ""};
                 }),
                 "one word"));
  CHECK(contains(complaint_about([](auto& c) {
                   c.oauth2.emplace();
                   c.oauth2->client_secret.text = "s";
                   c.oauth2->token_url = "nonsense";
                 }),
                 "oauth2: token_url: "));
  CHECK(complaint_about([](auto& c) {
          c.sigv4 = SigV4{"r", "key only", {}, "s"};
        }) == "sigv4: set both access_key and secret_key, or none of them");
  CHECK(complaint_about([](auto& c) { c.tls_config.cert_file = "/c"; }) ==
        "tls_config: a certificate needs its key: set key_file");
  CHECK(contains(complaint_about([](auto& c) { c.tls_config.ca = "/etc/ca.pem"; }), "ca_file"));
  CHECK(contains(complaint_about([](auto& c) { c.proxy_url = "ftp://x"; }), "proxy_url: "));
  CHECK(complaint_about([](auto& c) {
          c.headers = {{"authorization", "x"}};
        }) == "headers: authorization cannot be set here; use `authorization` or `basic_auth`");
  CHECK(complaint_about([](auto& c) {
          c.headers = {{"A B", "x"}};
        }) == "headers: \"A B\" is no header name");
  CHECK(complaint_about([](auto& c) {
          c.headers = {{"A", "x\ny"}};
        }) == "headers: the value of A has a line break");

  HttpClientConfig config;
  config.proxy_url = "ftp://x";
  Client wrong(config);
  const CallResult result = wrong.post("http://127.0.0.1:1/");
  REQUIRE_FALSE(result.transport.has_value());
  CHECK(result.transport.error().code == ErrorCode::invalid);
}

TEST_CASE("HttpClient: options are read from YAML as Prometheus spells them") {
  const auto read = testkit::read_config<HttpClientConfig>(http_client_schema(), R"(
oauth2:
  client_id: me
  client_secret: hidden
  token_url: https://issuer/token
  scopes: [a, b]
  tls_config: {insecure_skip_verify: true}
tls_config:
  ca_file: /etc/ca.pem
  server_name: loki
  min_version: TLS13
proxy_url: http://proxy:3128
follow_redirects: false
headers: {X-Scope-OrgID: me}
)");
  REQUIRE(read.ok());
  const HttpClientConfig& config = read.config;
  REQUIRE(config.oauth2.has_value());
  CHECK(config.oauth2->client_secret.text == "hidden");
  CHECK(config.oauth2->scopes == StringList{"a", "b"});
  CHECK(config.oauth2->tls_config.insecure_skip_verify);
  CHECK(config.tls_config.min_version == TlsVersion::tls13);
  CHECK(config.tls_config.server_name == "loki");
  CHECK_FALSE(config.follow_redirects);
  CHECK(config.headers.at("X-Scope-OrgID") == "me");
  CHECK(complaint(config).empty());

  CHECK_FALSE(
      testkit::read_config<HttpClientConfig>(http_client_schema(), "oauth2: {client_id: me}").ok());
  CHECK_FALSE(testkit::read_config<TlsServerConfig>(tls_server_schema(), "cert_file: /c").ok());
}
