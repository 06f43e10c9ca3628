#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <curl/curl.h>

#include "tailrace/channel.h"
#include "tailrace/http.h"

#include "net/proxy.h"

namespace tailrace::net {

/// What TLS needs as PEM text; "" = not given. Shared by the transfers that use it.
struct TlsMaterial {
  std::string ca;
  std::string cert;
  std::string key;
};

/// What the requests of a channel usually have in common. To set it in libcurl, which copies all of
/// it, costs as much as the rest of a small request.
struct TransferShape {
  std::string method;
  bool has_body = false;
  bool reads = false;                            // a page is fetched, and may be fetched again
  std::vector<std::string> header_lines;         // "Name: value"
  Proxy proxy;                                   // url "" = none
  const StringListMap* proxy_headers = nullptr;  // for the proxy alone; outlives the transfers
  bool with_tls = false;
  const TlsClientConfig* tls = nullptr;
  std::shared_ptr<const TlsMaterial> tls_material;
  std::string aws_sigv4;     // libcurl's "aws:amz:<region>:<service>", or ""
  std::string aws_user_pwd;  // "<access key>:<secret key>"
  std::chrono::milliseconds connect_timeout{10000};
};

/// libcurl's handle of one transfer at a time, which keeps what transfers of one shape have in
/// common. Lane: its client's.
class EasyHandle {
 public:
  /// `closes_socket` runs instead of close(), with `client` as its first argument.
  EasyHandle(curl_closesocket_callback closes_socket, void* client);
  ~EasyHandle();
  EasyHandle(const EasyHandle&) = delete;
  EasyHandle& operator=(const EasyHandle&) = delete;

  CURL* get() const noexcept { return handle_; }
  const TransferShape* shape() const noexcept { return shape_.get(); }
  /// Nothing is set afterwards but what is of this shape.
  void prepare(std::shared_ptr<const TransferShape> shape);

  /// Set while a transfer is under way: what to do when it is over.
  std::function<void(CURLcode)> done;

 private:
  void set_request();
  void set_proxy();
  void set_tls();

  CURL* handle_;
  const curl_closesocket_callback closes_socket_;
  void* const client_;
  std::shared_ptr<const TransferShape> shape_;
  curl_slist* header_list_ = nullptr;
  curl_slist* proxy_header_list_ = nullptr;
};

}  // namespace tailrace::net
