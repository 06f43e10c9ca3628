#pragma once

#include <memory>
#include <string>

#include <gnutls/gnutls.h>

#include "tailrace/http.h"
#include "tailrace/lane.h"
#include "tailrace/result.h"

#include "net/watched_files.h"

namespace tailrace::net {

/// A server's certificate and, where clients must show one too, the authorities that sign theirs.
/// New files are used for connections that come a second after they were replaced; broken ones are
/// complained about, and the old ones stay.
///
/// Lane: the server's.
class ServerTls {
 public:
  /// Keeps certificates alive while a session uses them.
  class Credentials;

  /// Reads the files, blocking: for start-up.
  static Result<std::unique_ptr<ServerTls>> make(Lane& lane, const TlsServerConfig& config);

  /// PEM texts as they were at the start.
  const std::string& certificate() const noexcept { return certificate_; }
  const std::string& key() const noexcept { return key_; }

  /// Sets up a session before its handshake. What is returned must outlive the session.
  std::shared_ptr<const Credentials> adopt(gnutls_session_t session);

  /// Tells in the log that a connection ended before its handshake did. One that never said a word
  /// was a probe of its port, and is passed over. `fd` is still open.
  void tell_of_failed_handshake(int fd, const std::string& peer) const;

 private:
  ServerTls(Lane& lane, const TlsServerConfig& config);
  Result<std::shared_ptr<const Credentials>> read(const WatchedFiles::Contents& files) const;
  void use(const std::shared_ptr<const WatchedFiles::Contents>& files);

  const TlsServerConfig config_;
  WatchedFiles files_;
  std::shared_ptr<const WatchedFiles::Contents> used_files_;
  std::shared_ptr<const Credentials> credentials_;
  std::string certificate_;
  std::string key_;
};

/// For MHD_OPTION_HTTPS_PRIORITIES: TLS 1.2 and 1.3 with what GnuTLS calls secure at 128 bits.
inline constexpr const char* kTlsPriorities =
    "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE";

}  // namespace tailrace::net
