#include "net/easy_handle.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "tailrace/check.h"

namespace tailrace::net {

namespace {

// Load balancers close idle connections after 60 s; a request sent at that moment is lost.
constexpr long kMaxIdleSeconds = 50;
// A page is fetched again where a connection turns out to be closed, so idle ones may be kept for
// longer than the usual scrape interval of a minute.
constexpr long kMaxIdleSecondsOfReads = 300;
// Reconnecting now and then spreads load over servers that joined later.
constexpr long kMaxConnectionSeconds = 600;

void add_line(curl_slist*& list, const std::string& line) {
  list = curl_slist_append(list, line.c_str());
}

void clear(curl_slist*& list) {
  curl_slist_free_all(std::exchange(list, nullptr));
}

long lowest_version(TlsVersion version) {
  switch (version) {
    case TlsVersion::tls10:
      return CURL_SSLVERSION_TLSv1_0;
    case TlsVersion::tls11:
      return CURL_SSLVERSION_TLSv1_1;
    case TlsVersion::tls12:
      return CURL_SSLVERSION_TLSv1_2;
    case TlsVersion::tls13:
      break;
  }
  return CURL_SSLVERSION_TLSv1_3;
}

long highest_version(std::optional<TlsVersion> version) {
  if (!version) {
    return CURL_SSLVERSION_MAX_DEFAULT;
  }
  switch (*version) {
    case TlsVersion::tls10:
      return CURL_SSLVERSION_MAX_TLSv1_0;
    case TlsVersion::tls11:
      return CURL_SSLVERSION_MAX_TLSv1_1;
    case TlsVersion::tls12:
      return CURL_SSLVERSION_MAX_TLSv1_2;
    case TlsVersion::tls13:
      break;
  }
  return CURL_SSLVERSION_MAX_TLSv1_3;
}

/// Not copied by libcurl: `text` outlives the transfer.
curl_blob borrowed_blob(const std::string& text) {
  return {const_cast<char*>(text.data()), text.size(), CURL_BLOB_NOCOPY};
}

}  // namespace

EasyHandle::EasyHandle(curl_closesocket_callback closes_socket, void* client)
    : handle_(curl_easy_init()), closes_socket_(closes_socket), client_(client) {
  TR_CHECK(handle_ != nullptr);
}

EasyHandle::~EasyHandle() {
  curl_easy_cleanup(handle_);
  clear(header_list_);
  clear(proxy_header_list_);
}

void EasyHandle::prepare(std::shared_ptr<const TransferShape> shape) {
  if (shape_) {
    curl_easy_reset(handle_);
    clear(header_list_);
    clear(proxy_header_list_);
  }
  shape_ = std::move(shape);
  curl_easy_setopt(handle_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(handle_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle_, CURLOPT_CLOSESOCKETFUNCTION, closes_socket_);
  curl_easy_setopt(handle_, CURLOPT_CLOSESOCKETDATA, client_);
  set_request();
  set_proxy();
  if (shape_->with_tls) {
    set_tls();
  }
}

void EasyHandle::set_request() {
  curl_easy_setopt(handle_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(handle_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle_, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(handle_, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(std::max<int64_t>(shape_->connect_timeout.count(), 1)));
  curl_easy_setopt(handle_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle_, CURLOPT_MAXAGE_CONN,
                   shape_->reads ? kMaxIdleSecondsOfReads : kMaxIdleSeconds);
  curl_easy_setopt(handle_, CURLOPT_MAXLIFETIME_CONN, kMaxConnectionSeconds);
  const bool is_plain_get = shape_->method == "GET" && !shape_->has_body;
  if (shape_->method == "HEAD") {
    curl_easy_setopt(handle_, CURLOPT_NOBODY, 1L);
  } else if (!is_plain_get) {
    curl_easy_setopt(handle_, CURLOPT_POST, 1L);
    if (shape_->method != "POST") {
      curl_easy_setopt(handle_, CURLOPT_CUSTOMREQUEST, shape_->method.c_str());
    }
  }
  for (const std::string& line : shape_->header_lines) {
    add_line(header_list_, line);
  }
  if (!shape_->aws_sigv4.empty()) {
    // libcurl would sign the suppressed header too, and the server would find another signature:
    // here the header goes out, but nobody waits for its answer.
    curl_easy_setopt(handle_, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L);
    curl_easy_setopt(handle_, CURLOPT_AWS_SIGV4, shape_->aws_sigv4.c_str());
    curl_easy_setopt(handle_, CURLOPT_USERPWD, shape_->aws_user_pwd.c_str());
  } else if (!is_plain_get) {
    add_line(header_list_, "Expect:");
  }
  curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, header_list_);
  curl_easy_setopt(handle_, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  curl_easy_setopt(handle_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

void EasyHandle::set_proxy() {
  // Our own rules decide; "" keeps libcurl from reading the environment.
  curl_easy_setopt(handle_, CURLOPT_PROXY, shape_->proxy.url.c_str());
  curl_easy_setopt(handle_, CURLOPT_NOPROXY, "");
  if (shape_->proxy_headers == nullptr) {
    return;
  }
  for (const auto& [name, values] : *shape_->proxy_headers) {
    for (const std::string& value : values) {
      add_line(proxy_header_list_, fmt::format("{}: {}", name, value));
    }
  }
  curl_easy_setopt(handle_, CURLOPT_PROXYHEADER, proxy_header_list_);
}

void EasyHandle::set_tls() {
  const TlsClientConfig& tls = *shape_->tls;
  const long version = lowest_version(tls.min_version) | highest_version(tls.max_version);
  curl_easy_setopt(handle_, CURLOPT_SSLVERSION, version);
  curl_easy_setopt(handle_, CURLOPT_PROXY_SSLVERSION, version);
  if (tls.insecure_skip_verify) {
    curl_easy_setopt(handle_, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(handle_, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(handle_, CURLOPT_PROXY_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(handle_, CURLOPT_PROXY_SSL_VERIFYHOST, 0L);
  }
  const TlsMaterial& material = *shape_->tls_material;
  if (!material.ca.empty()) {
    const curl_blob ca = borrowed_blob(material.ca);
    curl_easy_setopt(handle_, CURLOPT_CAINFO_BLOB, &ca);
    curl_easy_setopt(handle_, CURLOPT_PROXY_CAINFO_BLOB, &ca);
  }
  if (!material.cert.empty()) {
    const curl_blob cert = borrowed_blob(material.cert);
    const curl_blob key = borrowed_blob(material.key);
    curl_easy_setopt(handle_, CURLOPT_SSLCERTTYPE, "PEM");
    curl_easy_setopt(handle_, CURLOPT_SSLCERT_BLOB, &cert);
    curl_easy_setopt(handle_, CURLOPT_SSLKEYTYPE, "PEM");
    curl_easy_setopt(handle_, CURLOPT_SSLKEY_BLOB, &key);
  }
}

}  // namespace tailrace::net
