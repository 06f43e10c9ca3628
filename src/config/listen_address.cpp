#include "config/listen_address.h"

#include <cctype>

#include <arpa/inet.h>

#include "config/units.h"

namespace tailrace::config {
namespace {

/// One spelling for each address: `::0` is `::`, and all addresses are "".
std::optional<std::string> canonical_host(std::string host, bool in_brackets) {
  if (host == "*") {  // as the resolver reads it
    return "";
  }
  unsigned char bytes[sizeof(in6_addr)];
  char text[INET6_ADDRSTRLEN];
  const int family = in_brackets ? AF_INET6 : AF_INET;
  if (inet_pton(family, host.c_str(), bytes) == 1) {
    host = inet_ntop(family, bytes, text, sizeof text);
  } else if (in_brackets) {
    // With a scope, such as [fe80::1%eth0], only the resolver can tell.
    return host.find('%') == std::string::npos ? std::nullopt : std::optional(std::move(host));
  } else {
    for (char& c : host) {
      const auto byte = static_cast<unsigned char>(c);
      if (std::isalnum(byte) == 0 && c != '.' && c != '-' && c != '_') {
        return std::nullopt;
      }
      c = static_cast<char>(std::tolower(byte));
    }
  }
  if (host == "0.0.0.0" || host == "::") {
    return "";
  }
  return host == "localhost" ? "127.0.0.1" : host;
}

}  // namespace

std::optional<Listen> parse_listen(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const auto port = parse_uint64(digits);
  if (!port || *port > 65535 || digits.starts_with('+')) {
    return std::nullopt;
  }
  const bool in_brackets = host.starts_with('[') && host.ends_with(']');
  if (in_brackets) {
    host = host.substr(1, host.size() - 2);
  }
  auto canonical = canonical_host(std::string(host), in_brackets);
  if (!canonical) {
    return std::nullopt;
  }
  return Listen{std::move(*canonical), static_cast<uint16_t>(*port)};
}

bool conflict(const Listen& a, const Listen& b) {
  return a.port == b.port && a.port != 0 && (a.host == b.host || a.host.empty() || b.host.empty());
}

}  // namespace tailrace::config
