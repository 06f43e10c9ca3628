#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "tailrace/http.h"
#include "tailrace/lane.h"
#include "tailrace/receipt.h"

namespace tailrace::common::receiver {

/// An answer to a client.
struct Reply {
  int status = 204;
  std::string text;
  bool again = false;     ///< Send it again: with Retry-After.
  uint64_t rejected = 0;  ///< Records that were refused while the rest was taken.
  /// All records of the body, where a client can be told how many of them were refused; 0: else
  /// such a body is refused.
  uint64_t records = 0;
  Headers headers = {};  ///< Further ones.
};

/// Clients that wait for the outcome of their bodies. Each is answered once: when its receipt is
/// released, or when its time is over.
///
/// Lifetime: receipts may outlive the input; they hold the book.
class ReplyBook : public std::enable_shared_from_this<ReplyBook> {
 public:
  using Answer = std::function<void(HttpExchange&, const Reply&)>;
  ReplyBook(Lane& lane, Duration reply_timeout, Answer answer);

  /// A receipt whose release answers the exchange (when all is settled: with `settled`); for a body
  /// of so many bytes.
  ReceiptRef open(std::shared_ptr<HttpExchange> exchange, size_t body_bytes, Reply settled = {});
  /// Answers everybody that still waits, and nobody afterwards.
  void close();
  size_t waiting() const noexcept { return waiting_.size(); }
  /// Bytes of the bodies whose receipts are still held, their clients answered or not.
  uint64_t unsettled_bytes() const noexcept { return unsettled_bytes_; }

 private:
  class PendingReply;
  using Waiting = std::list<PendingReply*>;

  void answer(PendingReply& pending, const Reply& reply);
  void arm();
  void on_timer();

  const Clock& clock_;
  int64_t timeout_ns_;
  uint64_t unsettled_bytes_ = 0;
  Answer answer_;
  Waiting waiting_;  // the oldest first: all have the same time
  std::unique_ptr<Timer> timer_;
};

}  // namespace tailrace::common::receiver
