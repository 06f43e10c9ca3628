// gRPC over TLS, with certificates of the test's own authorities.

#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "net/grpc_test.h"
#include "testkit/test_certificates.h"

using namespace tailrace;
using namespace tailrace::net;
using namespace std::chrono_literals;

namespace {

struct GrpcPki {
  testkit::TempFolder folder;
  testkit::TestAuthority ours{folder, "ours"};
  testkit::TestAuthority theirs{folder, "theirs"};

  GrpcPki() {
    ours.sign("server", "server", "DNS:localhost,IP:127.0.0.1");
    ours.sign("named", "named", "DNS:tempo.example.com");
    ours.sign("client", "client", "DNS:client");
    theirs.sign("stranger", "stranger", "DNS:client");
  }
  std::string path(const std::string& name) const { return folder.path(name); }
};

GrpcServerConfig served_with(const GrpcPki& pki, const std::string& name,
                             bool ask_clients = false) {
  GrpcServerConfig config;
  config.tls = TlsServerConfig{pki.path(name + ".pem"), pki.path(name + ".key"),
                               ask_clients ? pki.ours.certificate_file() : ""};
  return config;
}

HttpClientConfig trusting(const testkit::TestAuthority& authority) {
  HttpClientConfig config;
  config.tls_config.ca_file = authority.certificate_file();
  return config;
}

}  // namespace

TEST_CASE("gRPC over TLS: the server's certificate is checked") {
  const GrpcPki pki;
  GrpcPair pair(served_with(pki, "server"), trusting(pki.ours));
  const CallResult good = pair.say("secret");
  REQUIRE_MESSAGE(good.transport.has_value(), good.transport.error().message);
  CHECK(good.body == "secret");

  pair.channel = pair.connect(trusting(pki.theirs));
  CHECK_FALSE(pair.say("x").transport.has_value());

  HttpClientConfig careless;
  careless.tls_config.insecure_skip_verify = true;
  pair.channel = pair.connect(careless);
  CHECK(pair.say("x").body == "x");
}

TEST_CASE("gRPC over TLS: the name in the certificate") {
  const GrpcPki pki;
  GrpcPair pair(served_with(pki, "named"), trusting(pki.ours));
  CHECK_FALSE(pair.say("x").transport.has_value());
  HttpClientConfig named = trusting(pki.ours);
  named.tls_config.server_name = "tempo.example.com";
  pair.channel = pair.connect(named);
  CHECK(pair.say("x").body == "x");
}

TEST_CASE("gRPC over TLS: clients must show a certificate of ours") {
  const GrpcPki pki;
  GrpcPair pair(served_with(pki, "server", true), trusting(pki.ours));
  CHECK_FALSE(pair.say("x").transport.has_value());
  HttpClientConfig shown = trusting(pki.ours);
  shown.tls_config.cert_file = pki.path("stranger.pem");
  shown.tls_config.key_file = pki.path("stranger.key");
  pair.channel = pair.connect(shown);
  CHECK_FALSE(pair.say("x").transport.has_value());
  shown.tls_config.cert_file = pki.path("client.pem");
  shown.tls_config.key_file = pki.path("client.key");
  pair.channel = pair.connect(shown);
  CHECK(pair.say("x").body == "x");
  CHECK(pair.handler.bodies.size() == 1);
}

TEST_CASE("gRPC over TLS: a replaced certificate is used for new connections") {
  const GrpcPki pki;
  namespace fs = std::filesystem;
  const std::string cert = pki.path("live.pem");
  const std::string key = pki.path("live.key");
  fs::copy_file(pki.path("named.pem"), cert);
  fs::copy_file(pki.path("named.key"), key);
  GrpcPair pair(served_with(pki, "live"), trusting(pki.ours));
  CHECK_FALSE(pair.say("x").transport.has_value());
  fs::copy_file(pki.path("server.pem"), cert, fs::copy_options::overwrite_existing);
  fs::copy_file(pki.path("server.key"), key, fs::copy_options::overwrite_existing);
  CallResult result;
  int tries = 0;
  do {
    pair.channel = pair.connect(trusting(pki.ours));
    result = pair.say("x");
    pair.lane.run_for(100ms);
  } while (!result.transport && ++tries < 100);
  CHECK(result.body == "x");
}
