#pragma once

namespace tailrace::net {

/// TLS libraries write to sockets without MSG_NOSIGNAL: a peer that went away must be an error, not
/// the end of the process. Leaves a handler alone that somebody else has set. Any thread.
void ignore_sigpipe();

}  // namespace tailrace::net
