// What cannot be right in a combination of client options.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "tailrace/http.h"
#include "tailrace/url.h"

#include "codec/header_text.h"
#include "net/credentials.h"
#include "net/proxy.h"

namespace tailrace {

namespace {

/// Headers that are ours to set: others would break the request, or bypass a secret option.
constexpr std::array<std::string_view, 10> kReserved = {
    "authorization", "connection", "content-encoding",  "content-length", "content-type",
    "expect",        "host",       "transfer-encoding", "upgrade",        "proxy-authorization"};

/// Of an option and its `_file` sibling at most one may be set.
std::string both(std::string_view name, bool text, bool file) {
  return text && file ? fmt::format("set only one of {0} and {0}_file", name) : std::string();
}

std::string of_basic_auth(const BasicAuth& auth) {
  if (auth.username.empty() && auth.username_file.empty()) {
    return "set username or username_file";
  }
  const std::string wrong = both("username", !auth.username.empty(), !auth.username_file.empty());
  return wrong.empty() ? both("password", !auth.password.empty(), !auth.password_file.empty())
                       : wrong;
}

std::string of_authorization(const Authorization& auth) {
  if (codec::lower_case(auth.type) == "basic") {
    return "for type Basic use basic_auth";
  }
  if (!net::is_header_name(auth.type)) {
    return fmt::format("type: expected one word such as Bearer, got \"{}\"", auth.type);
  }
  if (auth.credentials.empty() && auth.credentials_file.empty()) {
    return "set credentials or credentials_file";
  }
  return both("credentials", !auth.credentials.empty(), !auth.credentials_file.empty());
}

std::string of_tls(const TlsClientConfig& tls) {
  for (const std::string& wrong : {both("ca", !tls.ca.empty(), !tls.ca_file.empty()),
                                   both("cert", !tls.cert.empty(), !tls.cert_file.empty()),
                                   both("key", !tls.key.empty(), !tls.key_file.empty())}) {
    if (!wrong.empty()) {
      return wrong;
    }
  }
  const bool has_cert = !tls.cert.empty() || !tls.cert_file.empty();
  const bool has_key = !tls.key.empty() || !tls.key_file.empty();
  if (has_cert != has_key) {
    return has_cert ? "a certificate needs its key: set key_file"
                    : "a key needs its certificate: set cert_file";
  }
  const auto is_pem = [](const std::string& text) {
    return text.empty() || text.find("-----BEGIN ") != std::string::npos;
  };
  if (!is_pem(tls.ca) || !is_pem(tls.cert) || !is_pem(tls.key.text)) {
    return "ca, cert and key are PEM text; for the path of a file use ca_file, cert_file, key_file";
  }
  return {};
}

std::string of_oauth2(const OAuth2& oauth2) {
  if (oauth2.client_secret.empty() && oauth2.client_secret_file.empty()) {
    return "set client_secret or client_secret_file";
  }
  if (auto wrong =
          both("client_secret", !oauth2.client_secret.empty(), !oauth2.client_secret_file.empty());
      !wrong.empty()) {
    return wrong;
  }
  if (const auto url = parse_url(oauth2.token_url); !url) {
    return "token_url: " + url.error().message;
  }
  if (auto wrong = of_tls(oauth2.tls_config); !wrong.empty()) {
    return "tls_config: " + wrong;
  }
  return {};
}

std::string of_header(const std::string& name, const StringList& values) {
  if (!net::is_header_name(name)) {
    return fmt::format("\"{}\" is no header name", name);
  }
  if (!std::ranges::all_of(values, net::is_header_value)) {
    return fmt::format("the value of {} has a line break", name);
  }
  return {};
}

std::string of_own_header(const std::string& name, const StringList& values) {
  const std::string lower = codec::lower_case(name);
  if (std::ranges::find(kReserved, lower) != kReserved.end()) {
    return fmt::format("{} cannot be set here{}", name,
                       lower == "authorization" ? "; use `authorization` or `basic_auth`" : "");
  }
  return of_header(name, values);
}

std::string prefixed(std::string_view option, const std::string& wrong) {
  return wrong.empty() ? wrong : fmt::format("{}: {}", option, wrong);
}

}  // namespace

std::string complaint(const HttpClientConfig& config) {
  const int credentials = int{config.basic_auth.has_value()} +
                          int{config.authorization.has_value()} + int{config.oauth2.has_value()} +
                          int{config.sigv4.has_value()};
  if (credentials > 1) {
    return "set only one of basic_auth, authorization, oauth2 and sigv4";
  }
  std::string wrong;
  const auto note = [&wrong](std::string_view option, const std::string& found) {
    if (wrong.empty()) {
      wrong = prefixed(option, found);
    }
  };
  if (config.basic_auth) {
    note("basic_auth", of_basic_auth(*config.basic_auth));
  }
  if (config.authorization) {
    note("authorization", of_authorization(*config.authorization));
  }
  if (config.oauth2) {
    note("oauth2", of_oauth2(*config.oauth2));
  }
  if (config.sigv4 && config.sigv4->access_key.empty() != config.sigv4->secret_key.empty()) {
    note("sigv4", "set both access_key and secret_key, or none of them");
  }
  if (config.sigv4 && !config.sigv4->region.empty() && config.sigv4->service.empty()) {
    note("sigv4", "a region needs its service");
  }
  note("tls_config", of_tls(config.tls_config));
  if (!config.proxy_url.empty()) {
    if (const auto proxy = net::parse_proxy(config.proxy_url); !proxy) {
      note("proxy_url", proxy.error().message);
    }
  }
  for (const auto& [name, value] : config.headers) {
    note("headers", of_own_header(name, {value}));
  }
  for (const auto& [name, header] : config.http_headers) {
    note("http_headers", of_own_header(name, header.values));
    note("http_headers", of_own_header(name, header.secrets));
  }
  for (const auto& [name, values] : config.proxy_connect_header) {
    note("proxy_connect_header", of_header(name, values));
  }
  return wrong;
}

}  // namespace tailrace
