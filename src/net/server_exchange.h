#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <microhttpd.h>

#include "tailrace/bytes.h"
#include "tailrace/growing_body.h"
#include "tailrace/http.h"

#include "net/response_cache.h"

namespace tailrace::net {

/// One request as libmicrohttpd hands it over piece by piece, and its answer.
///
/// Whatever the handler does in between, the pieces end in one of three ways: the body is handed
/// over and answered, now or later; the answer came first, and the body is thrown away; or the
/// connection ends.
/// Lane: the server's.
class ServerExchange final : public HttpExchange,
                             public std::enable_shared_from_this<ServerExchange> {
 public:
  /// `uri` as in the request line, with its query. `on_resumed`: libmicrohttpd has work again, and
  /// does not notice by itself.
  ServerExchange(MHD_Connection* connection, const char* uri, ResponseCache& responses,
                 std::function<void()> on_resumed);

  // For the handler.
  const HttpRequestHead& head() const noexcept override { return head_; }
  void reply(int status, Headers headers, std::string body) override;
  bool replied() const noexcept override { return replied_; }

  // For the server.

  /// Calls of libmicrohttpd's access handler, in order. False closes the connection.
  bool on_head(HttpHandler& handler, const char* method, const std::string& peer);
  bool on_bytes(HttpHandler& handler, const char* bytes, size_t size);
  /// Comes again in each run until the answer is there, or `suspend` says that it shall not.
  bool on_whole(HttpHandler& handler, bool last_of_connection, bool suspend);
  /// The request is over; on_end of the handler is called if on_head was.
  void on_over(HttpHandler& handler);
  /// The connection is about to be closed because it took so long: the handler is told if it is a
  /// body that did not come.
  void give_up(HttpHandler& handler, std::chrono::nanoseconds after);
  /// Ends the wait for the handler, if there is one.
  void wake();

  bool has_head() const noexcept { return has_head_; }
  /// As far as its length was announced.
  bool has_whole_body() const noexcept { return received_bytes_ == head_.content_length; }
  /// Waits for the handler, and is not suspended meanwhile.
  bool is_at_hand() const noexcept { return at_hand_; }
  /// Answered without reading the whole body: the rest may still be under way.
  bool answered_early() const noexcept { return answered_early_; }
  enum class Phase : uint8_t { receiving, waiting_for_handler, sending };
  Phase phase() const noexcept { return phase_; }
  uint64_t received_bytes() const noexcept { return received_bytes_; }

 private:
  bool read_head(const char* method, const std::string& peer);
  void refuse(int status, const char* why);
  bool make_room(size_t more);
  void tell_too_large(HttpHandler& handler, uint64_t bytes);
  bool send_reply(bool close_connection);

  MHD_Connection* connection_;  // null when the request is over
  ResponseCache& responses_;
  std::function<void()> on_resumed_;
  HttpRequestHead head_;
  bool is_chunked_ = false;
  bool expects_continue_ = false;
  bool has_head_ = false;
  bool known_to_handler_ = false;

  Phase phase_ = Phase::receiving;
  uint64_t limit_ = 0;
  GrowingBodyHandler* growing_ = nullptr;  // the handler, if it is asked
  Bytes body_;
  size_t body_size_ = 0;
  uint64_t received_bytes_ = 0;
  uint64_t overrun_bytes_ = 0;  // came when it was clear that none are kept
  bool too_large_ = false;
  bool given_up_ = false;

  bool replied_ = false;
  bool suspended_ = false;
  bool at_hand_ = false;
  bool answered_early_ = false;
  int status_ = 0;
  Headers reply_headers_;
  std::string reply_body_;
};

}  // namespace tailrace::net
