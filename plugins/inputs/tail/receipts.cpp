#include "plugins/inputs/tail/receipts.h"

#include <utility>

#include "tailrace/check.h"

#include "plugins/inputs/tail/file.h"

namespace tailrace::inputs::tail {

ReceiptQueue::~ReceiptQueue() {
  while (first_ != nullptr) {
    TailReceipt* receipt = std::exchange(first_, first_->next_);
    if (receipt->state_ == TailReceipt::State::held) {
      receipt->file_ = nullptr;
    } else {
      delete receipt;
    }
  }
}

const ReplayPoint& ReceiptQueue::oldest() const noexcept {
  return first_->point_;
}

void ReceiptQueue::set_not_rereadable() noexcept {
  for (TailReceipt* receipt = first_; receipt != nullptr; receipt = receipt->next_) {
    receipt->set_rereadable(false);
  }
}

TailReceipt* ReceiptQueue::issue(File& file, ReceiptListener& listener, const ReplayPoint& point,
                                 bool rereadable) {
  TR_ASSERT(last_ == nullptr || last_->point_.offset <= point.offset);
  auto* receipt = new TailReceipt(file, listener, point, rereadable);
  (last_ == nullptr ? first_ : last_->next_) = receipt;
  last_ = receipt;
  return receipt;
}

/// True when the oldest one has changed.
bool ReceiptQueue::drop_done() noexcept {
  bool moved = false;
  while (first_ != nullptr && first_->state_ == TailReceipt::State::done) {
    delete std::exchange(first_, first_->next_);
    moved = true;
  }
  if (first_ == nullptr) {
    last_ = nullptr;
  }
  return moved;
}

void TailReceipt::hold(ReceiptRef origin) noexcept {
  for (ReceiptRef& place : origins_) {
    if (!place) {
      place = std::move(origin);
      return;
    }
  }
  TR_CHECK(false);  // one line of each stream can have begun before the file
}

void TailReceipt::released(Outcome worst) noexcept {
  if (file_ == nullptr) {
    delete this;
    return;
  }
  if (worst == Outcome::abandoned) {
    state_ = State::abandoned;
    for (const ReceiptRef& origin : origins_) {
      if (origin) {
        origin->report(Outcome::abandoned, {});  // when this one goes, it must not count as settled
      }
    }
    return;
  }
  state_ = State::done;
  // A predecessor may move on when this unit is safe: let go of its receipts afterwards.
  const auto origins = std::exchange(origins_, {});
  File& file = *file_;
  ReceiptListener& listener = *listener_;
  if (file.receipts.drop_done()) {
    listener.on_settled(file);
  }
}

}  // namespace tailrace::inputs::tail
