// The client options as Prometheus has them: docs/configuration, <http_config>.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tailrace/http.h"

#include "net/http_schema.h"

namespace tailrace {

namespace {

/// V: TlsVersion, or an optional one.
template <class V>
std::vector<std::pair<std::string, V>> tls_versions() {
  return {{"TLS10", TlsVersion::tls10},
          {"TLS11", TlsVersion::tls11},
          {"TLS12", TlsVersion::tls12},
          {"TLS13", TlsVersion::tls13}};
}

void find_files(TlsClientConfig& tls, const ConfigContext& context) {
  tls.ca_file = context.file_path(tls.ca_file);
  tls.cert_file = context.file_path(tls.cert_file);
  tls.key_file = context.file_path(tls.key_file);
}

bool finish_tls(TlsClientConfig& tls, const ConfigValue& at, ConfigContext& context) {
  if (tls.max_version && *tls.max_version < tls.min_version) {
    context.fail(at,
                 "tls_config.max_version must be greater than or equal to "
                 "tls_config.min_version if both are specified");
    return false;
  }
  find_files(tls, context);
  return true;
}

const Schema& own_tls_schema() {
  static const Schema schema = [] {
    auto options = net::tls_client_options();
    options.push_back(choice("min_version", &TlsClientConfig::min_version,
                             "Oldest TLS version to accept.", tls_versions<TlsVersion>()));
    options.push_back(choice("max_version", &TlsClientConfig::max_version,
                             "Newest TLS version to use.",
                             tls_versions<std::optional<TlsVersion>>()));
    return Schema::of<TlsClientConfig>(std::move(options)).finish<TlsClientConfig>(finish_tls);
  }();
  return schema;
}

/// proxy_url and what belongs to it, of a client or of its token endpoint.
template <class C>
std::vector<Option<C>> proxy_options() {
  std::vector<Option<C>> out;
  out.push_back(option("proxy_url", &C::proxy_url, "Proxy: http, https, socks4 or socks5."));
  out.push_back(option("no_proxy", &C::no_proxy,
                       "Hosts, domains, addresses and networks that are reached without it, "
                       "separated by commas."));
  out.push_back(option("proxy_from_environment", &C::proxy_from_environment,
                       "Take the proxy from http_proxy, https_proxy and no_proxy.")
                    .default_shown("false"));
  out.push_back(option("proxy_connect_header", &C::proxy_connect_header,
                       "Headers for the proxy alone, each with a list of values."));
  return out;
}

/// Source: prometheus/common, ProxyConfig.Validate.
template <class C>
bool check_proxy(const C& config, const ConfigValue& at, ConfigContext& context) {
  const auto wrong = [&](const char* message) {
    context.fail(at, message);
    return false;
  };
  const bool by_url = !config.proxy_url.empty();
  if (!config.proxy_connect_header.empty() && !config.proxy_from_environment && !by_url) {
    return wrong(
        "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be "
        "configured");
  }
  if (config.proxy_from_environment && by_url) {
    return wrong("if proxy_from_environment is configured, proxy_url must not be configured");
  }
  if (config.proxy_from_environment && !config.no_proxy.empty()) {
    return wrong("if proxy_from_environment is configured, no_proxy must not be configured");
  }
  if (!by_url && !config.no_proxy.empty()) {
    return wrong("if no_proxy is configured, proxy_url must also be configured");
  }
  return true;
}

bool finish_oauth2(OAuth2& oauth2, const ConfigValue& at, ConfigContext& context) {
  oauth2.own_proxy = true;
  oauth2.client_secret_file = context.file_path(oauth2.client_secret_file);
  return check_proxy(oauth2, at, context);
}

const Schema& own_oauth2_schema() {
  static const Schema schema = [] {
    auto options = net::oauth2_options(own_tls_schema());
    for (auto& option : proxy_options<OAuth2>()) {
      options.push_back(std::move(option));
    }
    return Schema::of<OAuth2>(std::move(options)).finish<OAuth2>(finish_oauth2);
  }();
  return schema;
}

bool finish_header(HttpHeaderValues& header, const ConfigValue&, ConfigContext& context) {
  for (std::string& file : header.files) {
    file = context.file_path(file);
  }
  return true;
}

const Schema& header_schema() {
  static const Schema schema = [] {
    auto secrets = option("secrets", &HttpHeaderValues::secrets, "Values that are never printed.");
    secrets.row_.is_secret = true;
    return Schema::of<HttpHeaderValues>(
               {option("values", &HttpHeaderValues::values, "Values."), std::move(secrets),
                option("files", &HttpHeaderValues::files,
                       "Files that hold a value; read again when they change.")})
        .finish<HttpHeaderValues>(finish_header);
  }();
  return schema;
}

/// HTTP/1.1 is spoken with everybody, so this changes nothing.
struct Http2 {
  bool enable_http2 = true;
};
Option<HttpClientConfig> http2_option() {
  auto option = tailrace::option("enable_http2", &Http2::enable_http2,
                                 "Of no use here: HTTP/1.1 is spoken with every server.");
  option.row_.read = [inner = std::move(option.row_.read)](const ConfigValue& value, void*,
                                                           ConfigContext& context) {
    Http2 nowhere;
    return inner(value, &nowhere, context);
  };
  return Option<HttpClientConfig>(std::move(option.row_));
}

/// Source: prometheus/common, HTTPClientConfig.Validate.
bool finish_client(HttpClientConfig& config, const ConfigValue& at, ConfigContext& context) {
  const auto wrong = [&](const std::string& message) {
    context.fail(at, message);
    return false;
  };
  const bool token = !config.bearer_token.empty();
  const bool token_file = !config.bearer_token_file.empty();
  if (token && token_file) {
    return wrong("at most one of bearer_token & bearer_token_file must be configured");
  }
  if ((token || token_file) && (config.basic_auth || config.oauth2)) {
    return wrong(
        "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured");
  }
  if ((token || token_file) && config.authorization) {
    return wrong("authorization is not compatible with bearer_token & bearer_token_file");
  }
  if (token || token_file) {
    config.authorization.emplace();
    config.authorization->credentials = std::exchange(config.bearer_token, {});
    config.authorization->credentials_file = std::exchange(config.bearer_token_file, {});
  }
  if (config.basic_auth) {
    config.basic_auth->username_file = context.file_path(config.basic_auth->username_file);
    config.basic_auth->password_file = context.file_path(config.basic_auth->password_file);
  }
  if (config.authorization) {
    config.authorization->credentials_file =
        context.file_path(config.authorization->credentials_file);
  }
  if (!check_proxy(config, at, context)) {
    return false;
  }
  const std::string other = complaint(config);
  return other.empty() || wrong(other);
}

}  // namespace

HttpClientConfig prometheus_http_client() {
  HttpClientConfig config;
  config.proxy_from_environment = false;
  return config;
}

const Schema& prometheus_http_client_schema() {
  static const Schema schema = [] {
    using Config = HttpClientConfig;
    std::vector<Option<Config>> options;
    options.push_back(object("basic_auth", &Config::basic_auth,
                             "User name and password, sent with every request.",
                             net::basic_auth_schema()));
    options.push_back(object("authorization", &Config::authorization,
                             "An Authorization header, sent with every request.",
                             net::authorization_schema()));
    options.push_back(object("oauth2", &Config::oauth2,
                             "Access tokens by OAuth 2.0's client credentials grant.",
                             own_oauth2_schema()));
    options.push_back(option("bearer_token", &Config::bearer_token,
                             "The older spelling of authorization.credentials."));
    options.push_back(option("bearer_token_file", &Config::bearer_token_file,
                             "The older spelling of authorization.credentials_file."));
    options.push_back(
        object("tls_config", &Config::tls_config, "TLS towards the server.", own_tls_schema()));
    options.push_back(option("follow_redirects", &Config::follow_redirects,
                             "Follow redirects; credentials stay with the host."));
    options.push_back(http2_option());
    for (auto& option : proxy_options<Config>()) {
      options.push_back(std::move(option));
    }
    options.push_back(object_map("http_headers", &Config::http_headers,
                                 "Further headers of every request.", header_schema()));
    return Schema::of<Config>(std::move(options)).finish<Config>(finish_client);
  }();
  return schema;
}

}  // namespace tailrace
