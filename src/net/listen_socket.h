#pragma once

#include <cstdint>
#include <string>

#include "tailrace/result.h"

namespace tailrace::net {

/// A listening, non-blocking TCP socket.
struct ListenSocket {
  int fd = -1;        // the caller's to close
  uint16_t port = 0;  // the real one where 0 was asked for
};

/// Binds `127.0.0.1:3101`, `[::1]:3101`, `localhost:3101`, or all addresses: `0.0.0.0:3101`,
/// `[::]:3101` (IPv4 too), `:3101`. With `reuse_port` several sockets may share the port, and the
/// kernel spreads connections over them. Errors: invalid (not such a text), conflict (in use),
/// permission, network. May block for a name's look-up: for start-up.
Result<ListenSocket> open_listen_socket(const std::string& listen, bool reuse_port);

}  // namespace tailrace::net
