#include "net/server_tls.h"

#include <utility>

#include <fmt/format.h>
#include <gnutls/x509.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tailrace/check.h"
#include "tailrace/log.h"

namespace tailrace::net {

class ServerTls::Credentials {
 public:
  Credentials() { TR_CHECK(gnutls_certificate_allocate_credentials(&raw) == GNUTLS_E_SUCCESS); }
  ~Credentials() { gnutls_certificate_free_credentials(raw); }
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  gnutls_certificate_credentials_t raw = nullptr;
};

namespace {

gnutls_datum_t datum(const std::string& text) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())),
          static_cast<unsigned>(text.size())};
}

bool has_said_something(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  // The end of what it says counts as a byte.
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_bytes_received > 1;
}

}  // namespace

ServerTls::ServerTls(Lane& lane, const TlsServerConfig& config)
    : config_(config), files_(lane, {config.cert_file, config.key_file, config.client_ca_file}) {}

Result<std::unique_ptr<ServerTls>> ServerTls::make(Lane& lane, const TlsServerConfig& config) {
  if (config.cert_file.empty() || config.key_file.empty()) {
    return fail(ErrorCode::invalid, "tls: set cert_file and key_file");
  }
  std::unique_ptr<ServerTls> tls(new ServerTls(lane, config));
  if (const Status loaded = tls->files_.load_now(); !loaded) {
    return fail(loaded.error().code, "tls: " + loaded.error().message);
  }
  tls->used_files_ = tls->files_.last();
  auto credentials = tls->read(*tls->used_files_);
  if (!credentials) {
    return tl::unexpected<Error>(credentials.error());
  }
  tls->credentials_ = std::move(*credentials);
  tls->certificate_ = tls->used_files_->at(config.cert_file);
  tls->key_ = tls->used_files_->at(config.key_file);
  return tls;
}

Result<std::shared_ptr<const ServerTls::Credentials>> ServerTls::read(
    const WatchedFiles::Contents& files) const {
  auto credentials = std::make_shared<Credentials>();
  const gnutls_datum_t certificate = datum(files.at(config_.cert_file));
  const gnutls_datum_t key = datum(files.at(config_.key_file));
  const int code = gnutls_certificate_set_x509_key_mem(credentials->raw, &certificate, &key,
                                                       GNUTLS_X509_FMT_PEM);
  if (code < 0) {
    return fail(ErrorCode::invalid, fmt::format("tls: {} with {}: {}", config_.cert_file,
                                                config_.key_file, gnutls_strerror(code)));
  }
  if (!config_.client_ca_file.empty()) {
    const gnutls_datum_t authorities = datum(files.at(config_.client_ca_file));
    const int count =
        gnutls_certificate_set_x509_trust_mem(credentials->raw, &authorities, GNUTLS_X509_FMT_PEM);
    if (count <= 0) {
      return fail(ErrorCode::invalid,
                  fmt::format("tls: {}: no certificate found in it", config_.client_ca_file));
    }
  }
  return std::shared_ptr<const Credentials>(std::move(credentials));
}

void ServerTls::use(const std::shared_ptr<const WatchedFiles::Contents>& files) {
  if (files == used_files_) {
    return;
  }
  used_files_ = files;
  auto credentials = read(*files);
  if (credentials) {
    credentials_ = std::move(*credentials);
  } else {
    log_line(LogLevel::warn, "net", "tls_files",
             credentials.error().message + "; the old certificate stays in use");
  }
}

std::shared_ptr<const ServerTls::Credentials> ServerTls::adopt(gnutls_session_t session) {
  files_.fresh([this](const Status& status, const auto& files) {
    if (status) {
      use(files);
    }
  });
  gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials_->raw);
  if (!config_.client_ca_file.empty()) {
    // Verified within the handshake, so that no byte of a stranger's request is read.
    static char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
    static gnutls_typed_vdata_st wanted = {GNUTLS_DT_KEY_PURPOSE_OID,
                                           reinterpret_cast<unsigned char*>(purpose), 0};
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
    gnutls_session_set_verify_cert2(session, &wanted, 1, 0);
  }
  return credentials_;
}

void ServerTls::tell_of_failed_handshake(int fd, const std::string& peer) const {
  if (!has_said_something(fd)) {
    return;
  }
  const char* certificate = config_.client_ca_file.empty()
                                ? ""
                                : ", shows no certificate of an authority in client_ca_file";
  log_line(LogLevel::warn, "net", "tls_handshake",
           fmt::format("{} connected to a TLS server of ours and got no further: it speaks no TLS"
                       "{}, does not trust {}, or only probes",
                       peer, certificate, config_.cert_file));
}

}  // namespace tailrace::net
