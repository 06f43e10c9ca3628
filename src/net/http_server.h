#pragma once

#include <memory>

#include "tailrace/http.h"
#include "tailrace/lane.h"
#include "tailrace/result.h"

namespace tailrace::net {

/// An HTTP/1.1 server on the lane's loop; listens when this returns.
///
/// Errors:   invalid (the address, certificates), conflict (the port is in use), permission,
///           not_found (a certificate file), network.
/// Lifetime: `handler` outlives the server. The server must not be destroyed from within a call of
///           the handler.
/// With `reuse_port` the servers of several lanes share one port.
Result<std::unique_ptr<HttpServer>> make_http_server(Lane& lane, const HttpServerConfig& config,
                                                     HttpHandler& handler, bool reuse_port);

}  // namespace tailrace::net
