#include "net/http_schema.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <unistd.h>

#include "tailrace/http.h"

namespace tailrace {

namespace {

/// Without its files a server does not start, so the check of the config says so.
std::string unreadable(const std::string& path) {
  if (path.empty() || access(path.c_str(), R_OK) == 0) {
    return {};
  }
  return "cannot read " + path + ": " + std::strerror(errno);
}

}  // namespace

namespace net {

const Schema& basic_auth_schema() {
  static const Schema schema = Schema::of<BasicAuth>({
      option("username", &BasicAuth::username, "User name."),
      option("username_file", &BasicAuth::username_file,
             "File that holds the user name; read again when it changes."),
      option("password", &BasicAuth::password, "Password."),
      option("password_file", &BasicAuth::password_file,
             "File that holds the password; read again when it changes."),
  });
  return schema;
}

const Schema& authorization_schema() {
  static const Schema schema = Schema::of<Authorization>({
      option("type", &Authorization::type, "First word of the Authorization header."),
      option("credentials", &Authorization::credentials, "What follows it: usually a token."),
      option("credentials_file", &Authorization::credentials_file,
             "File that holds the credentials; read again when it changes."),
  });
  return schema;
}

std::vector<Option<TlsClientConfig>> tls_client_options() {
  return {
      option("ca", &TlsClientConfig::ca,
             "Certificates (PEM) of the authorities that may have signed the server's.")
          .default_shown("the system's"),
      option("ca_file", &TlsClientConfig::ca_file,
             "The same from a file, which is read again when it changes."),
      option("cert", &TlsClientConfig::cert, "Our own certificate, with its chain (PEM)."),
      option("cert_file", &TlsClientConfig::cert_file,
             "The same from a file, which is read again when it changes."),
      option("key", &TlsClientConfig::key, "Private key of our certificate (PEM)."),
      option("key_file", &TlsClientConfig::key_file,
             "The same from a file, which is read again when it changes."),
      option("server_name", &TlsClientConfig::server_name,
             "Name that the server's certificate must be for.")
          .default_shown("the URL's host"),
      option("insecure_skip_verify", &TlsClientConfig::insecure_skip_verify,
             "Accept any certificate; whoever is on the way can then read and change everything."),
  };
}

std::vector<Option<OAuth2>> oauth2_options(const Schema& tls_schema) {
  return {
      option("client_id", &OAuth2::client_id, "Name of the client.").required(),
      option("client_secret", &OAuth2::client_secret, "Its secret."),
      option("client_secret_file", &OAuth2::client_secret_file,
             "File that holds the secret; read again when it changes."),
      option("scopes", &OAuth2::scopes, "Scopes to ask for."),
      option("token_url", &OAuth2::token_url, "Where access tokens are fetched.").required(),
      option("endpoint_params", &OAuth2::endpoint_params,
             "Further parameters of the token request."),
      object("tls_config", &OAuth2::tls_config, "TLS towards the token endpoint.", tls_schema),
  };
}

}  // namespace net

namespace {

using net::authorization_schema;
using net::basic_auth_schema;

const Schema& tls_client_schema() {
  static const Schema schema = [] {
    auto options = net::tls_client_options();
    options.push_back(choice("min_version", &TlsClientConfig::min_version,
                             "Oldest TLS version to accept.",
                             {{"TLS12", TlsVersion::tls12}, {"TLS13", TlsVersion::tls13}}));
    return Schema::of<TlsClientConfig>(std::move(options));
  }();
  return schema;
}

const Schema& oauth2_schema() {
  static const Schema schema = Schema::of<OAuth2>(net::oauth2_options(tls_client_schema()));
  return schema;
}

const Schema& sigv4_schema() {
  static const Schema schema =
      Schema::of<SigV4>(
          {
              option("region", &SigV4::region, "AWS region.").default_shown("from the host name"),
              option("access_key", &SigV4::access_key, "Access key ID.")
                  .default_shown("AWS_ACCESS_KEY_ID of the environment"),
              option("secret_key", &SigV4::secret_key, "Secret access key.")
                  .default_shown("AWS_SECRET_ACCESS_KEY of the environment"),
              option("service", &SigV4::service, "AWS service, such as `aps` or `es`.")
                  .default_shown("from the host name"),
          })
          .refuse({"profile", "role_arn", "external_id", "use_fips_sts_endpoint"},
                  "is not supported: requests are signed with static keys",
                  "give access_key and secret_key, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
                  "AWS_SESSION_TOKEN in the environment");
  return schema;
}

}  // namespace

const Schema& prometheus_write_client_schema() {
  static const Schema schema =
      Schema::of<HttpClientConfig>(
          {
              option("headers", &HttpClientConfig::headers, "Further headers of every request."),
              object("sigv4", &HttpClientConfig::sigv4, "AWS Signature Version 4.", sigv4_schema()),
          })
          .refuse({"azuread", "google_iam"}, "is a way to authenticate that tailrace does not have",
                  "there are basic_auth, authorization, oauth2, sigv4 and tls_config");
  return schema;
}

const Schema& http_client_schema() {
  static const Schema schema = Schema::of<HttpClientConfig>({
      object("basic_auth", &HttpClientConfig::basic_auth,
             "User name and password, sent with every request.", basic_auth_schema()),
      object("authorization", &HttpClientConfig::authorization,
             "An Authorization header, sent with every request.", authorization_schema()),
      object("oauth2", &HttpClientConfig::oauth2,
             "Access tokens by OAuth 2.0's client credentials grant.", oauth2_schema()),
      object("sigv4", &HttpClientConfig::sigv4, "AWS Signature Version 4.", sigv4_schema()),
      object("tls_config", &HttpClientConfig::tls_config, "TLS towards the server.",
             tls_client_schema()),
      option("proxy_url", &HttpClientConfig::proxy_url,
             "Proxy for all requests: http, https, socks4 or socks5.")
          .default_shown("http_proxy, https_proxy, all_proxy of the environment"),
      option("no_proxy", &HttpClientConfig::no_proxy,
             "Hosts, domains, addresses and networks that are reached without it, separated by "
             "commas.")
          .default_shown("no_proxy of the environment, where the proxy is from there too"),
      option("follow_redirects", &HttpClientConfig::follow_redirects,
             "Follow redirects, keeping method and body; credentials stay with the host."),
      option("headers", &HttpClientConfig::headers, "Further headers of every request."),
  });
  return schema;
}

const Schema& tls_server_schema() {
  static const Schema schema = Schema::of<TlsServerConfig>({
      option("cert_file", &TlsServerConfig::cert_file,
             "Our certificate, with its chain (PEM); read again when it changes.")
          .required()
          .check<std::string>(&TlsServerConfig::cert_file, unreadable),
      option("key_file", &TlsServerConfig::key_file,
             "Its private key (PEM); read again when it changes.")
          .required()
          .check<std::string>(&TlsServerConfig::key_file, unreadable),
      option("client_ca_file", &TlsServerConfig::client_ca_file,
             "When set, clients must present a certificate signed by one of these (PEM).")
          .check<std::string>(&TlsServerConfig::client_ca_file, unreadable),
  });
  return schema;
}

}  // namespace tailrace
