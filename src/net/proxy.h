#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/http.h"
#include "tailrace/result.h"
#include "tailrace/url.h"

namespace tailrace::net {

/// A proxy as it is handed to libcurl.
struct Proxy {
  std::string url;   // "" = go directly; names are resolved by a SOCKS proxy, never by us
  std::string host;  // to resolve; an IPv6 address without brackets
  uint16_t port = 0;
};

/// Which requests go through which proxy: by the config, else by the environment
/// (http_proxy, https_proxy, all_proxy, no_proxy; upper case too but for http_proxy, which a CGI
/// client could set by a header).
class ProxyRules {
 public:
  /// Reads the variable's value; null when it is not set.
  using Environment = std::function<const char*(const char*)>;

  static Result<ProxyRules> make(const std::string& proxy_url, const std::string& no_proxy,
                                 const Environment& environment);

  /// The proxy for this URL; its `url` is empty where none is wanted.
  const Proxy& for_url(const Url& url) const;

 private:
  bool is_excluded(const Url& url) const;

  Proxy http_;
  Proxy https_;
  std::vector<std::string> no_proxy_;
  Proxy none_;
};

/// Reads `http://proxy:3128`, `socks5://[::1]:1080`, `proxy:3128`; credentials are allowed.
Result<Proxy> parse_proxy(const std::string& text);

/// Whether one entry of no_proxy covers this host: `*`, a name (with all names below it), an
/// address, or a network such as 10.0.0.0/8; each but the network may end in `:port`.
bool no_proxy_covers(std::string_view entry, const std::string& host, uint16_t port);

}  // namespace tailrace::net
