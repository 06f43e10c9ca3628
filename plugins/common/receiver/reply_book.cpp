#include "plugins/common/receiver/reply_book.h"

#include <algorithm>
#include <map>

#include "tailrace/partial_receipt.h"

namespace tailrace::common::receiver {

class ReplyBook::PendingReply final : public PartialReceipt {
 public:
  PendingReply(std::shared_ptr<ReplyBook> book, std::shared_ptr<HttpExchange> exchange,
               int64_t deadline_ns, size_t body_bytes, Reply settled)
      : PartialReceipt(/*awaited=*/true, /*rereadable=*/false),
        book_(std::move(book)),
        exchange_(std::move(exchange)),
        deadline_ns_(deadline_ns),
        body_bytes_(body_bytes),
        settled_(std::move(settled)) {
    book_->unsettled_bytes_ += body_bytes_;
  }

  int64_t deadline_ns() const noexcept { return deadline_ns_; }

  Waiting::iterator place;
  bool listed = false;

 private:
  friend class ReplyBook;

  void on_worse(Outcome, std::string_view reason) noexcept override { reason_ = reason; }
  void refused_partly(uint64_t records, bool alone, std::string_view reason,
                      const void* destination) noexcept override {
    if (settled_.records == 0) {
      report(Outcome::refused, reason);
    } else if (alone) {  // else it is not known whose records they are, and the books have them
      refused_by_[destination] += records;
      reason_ = reason;
    }
  }
  void released(Outcome worst) noexcept override {
    book_->unsettled_bytes_ -= body_bytes_;
    switch (worst) {
      case Outcome::settled:
        settle();
        break;
      case Outcome::refused:
        refuse();
        break;
      case Outcome::dropped:
        // A limit of ours, not the client's fault: another try may find room.
        book_->answer(*this, {503, reason_.empty() ? "dropped" : "dropped: " + reason_, true});
        break;
      case Outcome::abandoned:
        book_->answer(*this, {503, "shutting down; send it again", true});
        break;
    }
    delete this;
  }

  void settle() noexcept {
    if (!refused_by_.empty()) {
      settled_.rejected += most_refused();
      settled_.text = reason_;
      if (settled_.rejected >= settled_.records) {
        refuse();  // nothing is left that was taken
        return;
      }
    }
    book_->answer(*this, settled_);
  }
  void refuse() noexcept {
    book_->answer(*this, {400, reason_.empty() ? "refused" : "refused: " + reason_});
  }
  /// What one destination refused the others mostly refused, too: the client hears of it once.
  uint64_t most_refused() const noexcept {
    uint64_t most = 0;
    for (const auto& [destination, records] : refused_by_) {
      most = std::max(most, records);
    }
    return most;
  }

  std::shared_ptr<ReplyBook> book_;
  std::shared_ptr<HttpExchange> exchange_;
  int64_t deadline_ns_;
  size_t body_bytes_;
  Reply settled_;
  std::string reason_;
  std::map<const void*, uint64_t> refused_by_;
};

ReplyBook::ReplyBook(Lane& lane, Duration reply_timeout, Answer answer)
    : clock_(lane.clock()),
      timeout_ns_(reply_timeout.count()),
      answer_(std::move(answer)),
      timer_(lane.timer([this] { on_timer(); })) {}

ReceiptRef ReplyBook::open(std::shared_ptr<HttpExchange> exchange, size_t body_bytes,
                           Reply settled) {
  auto* pending =
      new PendingReply(shared_from_this(), std::move(exchange), clock_.monotonic_ns() + timeout_ns_,
                       body_bytes, std::move(settled));
  pending->place = waiting_.insert(waiting_.end(), pending);
  pending->listed = true;
  if (timer_ != nullptr && !timer_->active()) {
    arm();
  }
  return ReceiptRef(pending);
}

void ReplyBook::answer(PendingReply& pending, const Reply& reply) {
  if (!pending.listed) {
    return;
  }
  waiting_.erase(pending.place);
  pending.listed = false;
  if (answer_) {
    answer_(*pending.exchange_, reply);
  }
  pending.exchange_.reset();
}

void ReplyBook::arm() {
  if (waiting_.empty()) {
    return;
  }
  const int64_t wait_ns =
      std::max<int64_t>(waiting_.front()->deadline_ns() - clock_.monotonic_ns(), 0);
  timer_->start(std::chrono::ceil<std::chrono::milliseconds>(std::chrono::nanoseconds(wait_ns)));
}

void ReplyBook::on_timer() {
  const int64_t now = clock_.monotonic_ns();
  while (!waiting_.empty() && waiting_.front()->deadline_ns() <= now) {
    answer(*waiting_.front(),
           {503, "not delivered or stored within reply_timeout; send it again", true});
  }
  // With nobody waiting the timer rests until somebody comes.
  arm();
}

void ReplyBook::close() {
  while (!waiting_.empty()) {
    answer(*waiting_.front(), {503, "shutting down; send it again", true});
  }
  timer_.reset();
  answer_ = nullptr;
}

}  // namespace tailrace::common::receiver
