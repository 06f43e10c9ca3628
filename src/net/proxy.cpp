#include "net/proxy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/format.h>

#include "codec/header_text.h"

namespace tailrace::net {

namespace {

std::vector<std::string> split_no_proxy(const std::string& text) {
  std::vector<std::string> entries;
  size_t at = 0;
  while (at < text.size()) {
    const size_t start = text.find_first_not_of(", \t", at);
    if (start == std::string::npos) {
      break;
    }
    const size_t end = std::min(text.find_first_of(", \t", start), text.size());
    entries.push_back(codec::lower_case(std::string_view(text).substr(start, end - start)));
    at = end;
  }
  return entries;
}

/// Bytes of an IPv4 or IPv6 address; their number, or 0 when it is none.
size_t address_bytes(const std::string& text, unsigned char (&bytes)[16]) {
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) {
    return 4;
  }
  return inet_pton(AF_INET6, text.c_str(), bytes) == 1 ? 16 : 0;
}

bool in_network(const std::string& network, std::string_view prefix_text, const std::string& host) {
  unsigned char base[16];
  unsigned char address[16];
  const size_t size = address_bytes(network, base);
  unsigned prefix = 0;
  const auto parsed =
      std::from_chars(prefix_text.data(), prefix_text.data() + prefix_text.size(), prefix);
  if (size == 0 || address_bytes(host, address) != size || parsed.ec != std::errc() ||
      prefix > size * 8) {
    return false;
  }
  const size_t whole = prefix / 8;
  if (std::memcmp(base, address, whole) != 0) {
    return false;
  }
  const unsigned rest = prefix % 8;
  return rest == 0 || ((base[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

}  // namespace

bool no_proxy_covers(std::string_view entry, const std::string& host, uint16_t port) {
  if (entry == "*") {
    return true;
  }
  const size_t slash = entry.find('/');
  if (slash != std::string_view::npos) {
    return in_network(std::string(entry.substr(0, slash)), entry.substr(slash + 1), host);
  }
  if (entry.starts_with('[')) {
    const size_t close = entry.find(']');
    if (close == std::string_view::npos) {
      return false;
    }
    const std::string_view after = entry.substr(close + 1);
    return entry.substr(1, close - 1) == host &&
           (after.empty() || after == fmt::format(":{}", port));
  }
  const size_t colon = entry.find(':');
  if (colon != std::string_view::npos && entry.find(':', colon + 1) == std::string_view::npos) {
    if (entry.substr(colon + 1) != fmt::format("{}", port)) {
      return false;
    }
    entry = entry.substr(0, colon);
  }
  if (entry.starts_with("*.")) {
    entry.remove_prefix(1);
  }
  if (entry.starts_with('.')) {
    entry.remove_prefix(1);
  }
  if (entry.empty()) {
    return false;
  }
  return host == entry || (host.size() > entry.size() && host.ends_with(entry) &&
                           host[host.size() - entry.size() - 1] == '.');
}

Result<Proxy> parse_proxy(const std::string& text) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> url(curl_url(), curl_url_cleanup);
  const std::string full = text.find("://") == std::string::npos ? "http://" + text : text;
  const CURLUcode code =
      curl_url_set(url.get(), CURLUPART_URL, full.c_str(), CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK) {
    return fail(ErrorCode::invalid, fmt::format("not a proxy URL: {}", curl_url_strerror(code)));
  }
  const auto part = [&url](CURLUPart which) {
    char* value = nullptr;
    if (curl_url_get(url.get(), which, &value, 0) != CURLUE_OK) {
      return std::string();
    }
    std::string copy(value);
    curl_free(value);
    return copy;
  };
  const std::string scheme = part(CURLUPART_SCHEME);
  // The variants whose name is resolved by the proxy: ours stays off the lane that way.
  std::string used_scheme = scheme;
  if (scheme == "socks5") {
    used_scheme = "socks5h";
  } else if (scheme == "socks4") {
    used_scheme = "socks4a";
  }
  if (used_scheme != "http" && used_scheme != "https" && used_scheme != "socks5h" &&
      used_scheme != "socks4a") {
    return fail(
        ErrorCode::invalid,
        fmt::format("a proxy is reached by http, https, socks4 or socks5, not by \"{}\"", scheme));
  }
  Proxy proxy;
  proxy.host = codec::lower_case(part(CURLUPART_HOST));
  if (proxy.host.empty()) {
    return fail(ErrorCode::invalid, "the proxy URL has no host");
  }
  if (proxy.host.front() == '[') {
    proxy.host = proxy.host.substr(1, proxy.host.size() - 2);
  }
  std::string port = part(CURLUPART_PORT);
  if (port.empty()) {
    // libcurl's own default for a proxy is 1080 whatever its scheme.
    port = used_scheme == "http" ? "80" : used_scheme == "https" ? "443" : "1080";
    curl_url_set(url.get(), CURLUPART_PORT, port.c_str(), 0);
  }
  std::from_chars(port.data(), port.data() + port.size(), proxy.port);
  if (used_scheme != scheme) {
    curl_url_set(url.get(), CURLUPART_SCHEME, used_scheme.c_str(), CURLU_NON_SUPPORT_SCHEME);
  }
  proxy.url = part(CURLUPART_URL);
  return proxy;
}

Result<ProxyRules> ProxyRules::make(const std::string& proxy_url, const std::string& no_proxy,
                                    const Environment& environment) {
  const auto variable = [&environment](std::initializer_list<const char*> names) {
    for (const char* name : names) {
      const char* value = environment(name);
      if (value != nullptr && *value != '\0') {
        return std::string(value);
      }
    }
    return std::string();
  };
  ProxyRules rules;
  std::string http = proxy_url;
  std::string https = proxy_url;
  std::string excluded = no_proxy;
  if (proxy_url.empty()) {
    const std::string all = variable({"all_proxy", "ALL_PROXY"});
    http = variable({"http_proxy"});
    https = variable({"https_proxy", "HTTPS_PROXY"});
    http = http.empty() ? all : http;
    https = https.empty() ? all : https;
    if (excluded.empty()) {
      excluded = variable({"no_proxy", "NO_PROXY"});
    }
  }
  rules.no_proxy_ = split_no_proxy(excluded);
  for (const auto& [text, proxy] : {std::pair(&http, &rules.http_), {&https, &rules.https_}}) {
    if (text->empty()) {
      continue;
    }
    auto parsed = parse_proxy(*text);
    if (!parsed) {
      return tl::unexpected<Error>(parsed.error());
    }
    *proxy = std::move(*parsed);
  }
  return rules;
}

bool ProxyRules::is_excluded(const Url& url) const {
  return std::ranges::any_of(no_proxy_, [&url](const std::string& entry) {
    return no_proxy_covers(entry, url.host, url.port);
  });
}

const Proxy& ProxyRules::for_url(const Url& url) const {
  const Proxy& proxy = url.scheme == "https" ? https_ : http_;
  return proxy.url.empty() || is_excluded(url) ? none_ : proxy;
}

}  // namespace tailrace::net
