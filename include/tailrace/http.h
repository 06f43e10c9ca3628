#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/bytes.h"
#include "tailrace/channel.h"
#include "tailrace/config_schema.h"
#include "tailrace/result.h"

namespace tailrace {

// ---- client ---------------------------------------------------------------------------------
// Spelled as Prometheus spells them.

struct BasicAuth {
  std::string username;
  std::string username_file;
  Secret password;
  std::string password_file;
};

struct Authorization {
  std::string type = "Bearer";
  Secret credentials;
  std::string credentials_file;
};

enum class TlsVersion : uint8_t { tls10, tls11, tls12, tls13 };

struct TlsClientConfig {
  std::string ca;
  std::string ca_file;
  std::string cert;
  std::string cert_file;
  Secret key;
  std::string key_file;
  std::string server_name;
  bool insecure_skip_verify = false;
  TlsVersion min_version = TlsVersion::tls12;
  std::optional<TlsVersion> max_version;
};

struct OAuth2 {
  std::string client_id;
  Secret client_secret;
  std::string client_secret_file;
  StringList scopes;
  std::string token_url;
  StringMap endpoint_params;
  TlsClientConfig tls_config;
  /// As Prometheus has it: the token endpoint is reached by these only, not as everything else is.
  bool own_proxy = false;
  std::string proxy_url;
  std::string no_proxy;
  bool proxy_from_environment = false;
  StringListMap proxy_connect_header;
};

struct SigV4 {
  std::string region;
  std::string access_key;
  Secret secret_key;
  std::string service;
};

/// A header that is sent once for each value.
struct HttpHeaderValues {
  StringList values;
  StringList secrets;  // likewise, but never printed
  StringList files;    // whose content is the value
};

/// Options of everything that makes HTTP requests. Files are re-read when they change.
struct HttpClientConfig {
  std::optional<BasicAuth> basic_auth;
  std::optional<Authorization> authorization;
  std::optional<OAuth2> oauth2;
  std::optional<SigV4> sigv4;
  TlsClientConfig tls_config;
  std::string proxy_url;  // "" = from the environment
  std::string no_proxy;
  bool proxy_from_environment = true;  // false: without proxy_url there is no proxy
  StringListMap proxy_connect_header;  // for the proxy alone
  bool follow_redirects = true;
  StringMap headers;
  std::vector<std::pair<std::string, HttpHeaderValues>> http_headers;
  Secret bearer_token;  // Prometheus's older spelling of authorization, into which it is read
  std::string bearer_token_file;
};
/// For Schema::with_part.
const Schema& http_client_schema();
/// The same options with Prometheus's names, defaults and meaning: a proxy from the environment
/// only where it is asked for, paths relative to the file that names them. Starts from
/// prometheus_http_client(); complaint() is asked already.
const Schema& prometheus_http_client_schema();
HttpClientConfig prometheus_http_client();
/// What an entry of Prometheus's remote_write has beside them: `headers` and `sigv4`.
const Schema& prometheus_write_client_schema();
/// What is wrong across the options (two kinds of credentials at once, a certificate without its
/// key …), or "". For a component's validate().
std::string complaint(const HttpClientConfig& config);

// ---- server ---------------------------------------------------------------------------------

struct TlsServerConfig {
  std::string cert_file;
  std::string key_file;
  std::string client_ca_file;  // set: clients must present a certificate signed by it
};
const Schema& tls_server_schema();

struct HttpServerConfig {
  std::string listen;  // "127.0.0.1:3101", "[::]:3101"; port 0 = any free one
  std::optional<TlsServerConfig> tls;
  uint32_t max_connections = 1024;
  Duration idle_timeout = std::chrono::seconds(60);
};

struct HttpRequestHead {
  std::string method;
  std::string path;                        // without the query
  std::string query;                       // raw, without '?'
  Headers headers;                         // names in lower case
  std::optional<uint64_t> content_length;  // absent: chunked, or no body
  std::string peer;                        // "127.0.0.1:40312"
  /// A unary gRPC call (tailrace/grpc.h): `path` is its method, `headers` are its metadata.
  bool is_grpc = false;

  std::string_view header(std::string_view name) const noexcept {
    for (const auto& [key, value] : headers) {
      if (key == name) {
        return value;
      }
    }
    return {};
  }
};

/// One request being received and answered. Held by shared_ptr: it may be answered long after its
/// body was handed over, also when the client has gone meanwhile (then reply() does nothing).
/// Lane: the server's.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  virtual const HttpRequestHead& head() const noexcept = 0;
  /// Answers; once. A gRPC call: `status` is a gRPC code, `headers` become trailers (values of
  /// names ending in -bin are raw bytes), `body` is the answer's message if the code is 0, else the
  /// status message, a text.
  virtual void reply(int status, Headers headers, std::string body) = 0;
  virtual bool replied() const noexcept = 0;
};

/// What a server did to clients by itself, without asking its handler.
struct ServerRefusal {
  enum class Reason : uint8_t {
    too_large,  ///< A body of more bytes than on_head allowed, or than a gRPC message may have.
    malformed,  ///< A head that says two things at once, or what no server understands.
    too_many_calls,    ///< gRPC: beyond GrpcServerConfig::max_calls.
    no_memory,         ///< gRPC: none for the message, which may come again.
    too_slow,          ///< A body that did not come in time, given up.
    incomplete,        ///< gRPC: ended before its message was whole, it is not known by whom.
    full_connections,  ///< HTTP: max_connections are open; nobody is refused, further clients wait.
  };
  Reason reason = Reason::malformed;
  bool is_grpc = false;
  /// What the client was answered, in terms of HTTP also where it spoke gRPC; 0: nothing.
  int status = 0;
  std::string peer;    ///< As HttpRequestHead::peer; "" = nobody in particular.
  std::string text;    ///< What happened, with its numbers, for people.
  uint64_t times = 1;  ///< Of several at once the first one is told.
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  /// Before the body is read. Returns the largest body that is welcome, in bytes as sent (a larger
  /// one gets 413), or replies (429, 404 …) and returns 0; then the body is not read.
  virtual uint64_t on_head(const std::shared_ptr<HttpExchange>& exchange) = 0;
  /// The whole body, as sent (Content-Encoding not undone), followed by kBlockPadding bytes.
  virtual void on_body(const std::shared_ptr<HttpExchange>& exchange, Bytes body_and_padding,
                       size_t body_size) = 0;
  /// The exchange ended after on_head: answered, or the client vanished before the body was whole.
  /// Always called once, last.
  virtual void on_end(const std::shared_ptr<HttpExchange>& exchange) = 0;
  /// Told so that it can be counted. Where it concerns an exchange, its on_end follows.
  virtual void on_refused(const ServerRefusal&) {}
};

/// Listening starts with its making; destroying it closes all connections.
class HttpServer {
 public:
  virtual ~HttpServer() = default;
  virtual uint16_t port() const noexcept = 0;
  /// No new connections; those open are answered with `Connection: close`.
  virtual void quiesce() = 0;
};

}  // namespace tailrace
