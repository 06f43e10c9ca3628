#include "net/listen_socket.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tailrace::net {

namespace {

constexpr int kBacklog = 512;

struct HostPort {
  std::string host;  // "" = all addresses
  std::string port;
};

Result<HostPort> parse(const std::string& listen) {
  const auto refuse = [&listen] {
    return fail(ErrorCode::invalid,
                fmt::format("expected an address such as 0.0.0.0:3101, got \"{}\"", listen));
  };
  const size_t colon = listen.rfind(':');
  if (colon == std::string::npos) {
    return refuse();
  }
  HostPort parts{listen.substr(0, colon), listen.substr(colon + 1)};
  unsigned number = 0;
  const char* end = parts.port.data() + parts.port.size();
  const auto [stopped, error] = std::from_chars(parts.port.data(), end, number);
  if (error != std::errc() || stopped != end || number > 65535) {
    return refuse();
  }
  if (parts.host.starts_with('[') != parts.host.ends_with(']')) {
    return refuse();
  }
  if (parts.host.starts_with('[')) {
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  } else if (parts.host.find(':') != std::string::npos) {
    return refuse();  // an IPv6 address without brackets: where would the port begin?
  }
  return parts;
}

Error system_error(const std::string& listen, int number) {
  const ErrorCode code = number == EADDRINUSE                  ? ErrorCode::conflict
                         : number == EACCES || number == EPERM ? ErrorCode::permission
                                                               : ErrorCode::network;
  return {code, fmt::format("cannot listen on {}: {}", listen, std::strerror(number))};
}

uint16_t port_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return 0;
  }
  // The port is at the same place for both families.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

Result<ListenSocket> bind_to(const addrinfo& where, const std::string& listen, bool reuse_port) {
  const int fd = socket(where.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return tl::unexpected<Error>(system_error(listen, errno));
  }
  const int on = 1;
  const int off = 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (reuse_port) {
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  }
  if (where.ai_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6*>(where.ai_addr)->sin6_addr;
    const bool all_addresses = IN6_IS_ADDR_UNSPECIFIED(&address);
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, all_addresses ? &off : &on, sizeof(int));
  }
  if (bind(fd, where.ai_addr, where.ai_addrlen) != 0 || ::listen(fd, kBacklog) != 0) {
    const Error error = system_error(listen, errno);
    close(fd);
    return tl::unexpected<Error>(error);
  }
  return ListenSocket{fd, port_of(fd)};
}

/// Of a name's addresses the IPv4 one, where there is one: what clients of `localhost` expect.
Result<ListenSocket> bind_host(const std::string& host, const std::string& port,
                               const std::string& listen, bool reuse_port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (code != 0) {
    return fail(ErrorCode::invalid,
                fmt::format("cannot listen on {}: {}", listen, gai_strerror(code)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  const addrinfo* chosen = found;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    if (one->ai_family == AF_INET) {
      chosen = one;
      break;
    }
  }
  return bind_to(*chosen, listen, reuse_port);
}

}  // namespace

Result<ListenSocket> open_listen_socket(const std::string& listen, bool reuse_port) {
  const auto parts = parse(listen);
  if (!parts) {
    return tl::unexpected<Error>(parts.error());
  }
  if (!parts->host.empty()) {
    return bind_host(parts->host, parts->port, listen, reuse_port);
  }
  auto bound = bind_host("::", parts->port, listen, reuse_port);
  if (!bound && bound.error().code == ErrorCode::network) {
    bound = bind_host("0.0.0.0", parts->port, listen, reuse_port);  // a machine without IPv6
  }
  return bound;
}

}  // namespace tailrace::net
