#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <curl/curl.h>

#include "tailrace/channel.h"

#include "codec/gunzip_stream.h"
#include "net/destination.h"
#include "net/easy_handle.h"
#include "net/http_client.h"
#include "net/resolver.h"

namespace tailrace::net {

/// One HTTP request, with everything decided: who, by which way, with which credentials.
struct TransferSpec {
  std::shared_ptr<const TransferShape> shape;
  std::shared_ptr<const Destination> to;
  std::string_view body;  // borrowed until the transfer is over
  Addresses addresses;    // of the proxy where there is one, else of the URL's host; null: numeric
  std::chrono::milliseconds timeout{0};  // for the whole transfer; 0 = somebody else watches
  AnswerSink* sink = nullptr;            // borrowed until the transfer is over
  size_t expected_bytes = 0;
};

struct TransferResult {
  Status transport;
  int status = 0;
  Headers headers;  // names in lower case
  std::string body;
  std::string redirect_url;  // absolute; "" = none
  bool opened_connection = false;
  bool could_not_connect = false;  // the address may be the culprit
};

/// A transfer under way. Destroying it cancels it.
class Transfer {
 public:
  /// `done` runs once, from the loop; it may destroy the transfer.
  Transfer(HttpClient& client, TransferSpec spec, std::function<void(TransferResult)> done);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  bool is_connected() const;

 private:
  void set_route();
  void set_limits();
  bool open_sink();
  bool feed_sink(std::string_view bytes);
  void pause();
  void finish(CURLcode code);
  Status failure(CURLcode code);
  static size_t on_header(char* data, size_t size, size_t count, void* self);
  static size_t on_body(char* data, size_t size, size_t count, void* self);

  HttpClient& client_;
  const TransferSpec spec_;
  std::function<void(TransferResult)> done_;
  std::unique_ptr<EasyHandle> easy_;
  CURL* handle_;  // easy_'s
  curl_slist* resolve_list_ = nullptr;
  curl_slist* connect_to_list_ = nullptr;
  TransferResult result_;
  size_t discarded_ = 0;
  bool has_enough_ = false;  // we ended an endless answer ourselves
  // With a sink:
  enum class Body : uint8_t { unknown, to_sink, to_sink_unzipped, kept } body_ = Body::unknown;
  std::unique_ptr<codec::GunzipStream> gunzip_;
  Status sink_status_;
  std::unique_ptr<Timer> resume_timer_;  // null: it has never paused
  char error_text_[CURL_ERROR_SIZE] = "";
};

}  // namespace tailrace::net
