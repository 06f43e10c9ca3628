#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

namespace tailrace {

/// What became of a unit, worst last.
enum class Outcome : uint8_t {
  settled,  ///< Delivered, or durable in the spool, at every output.
  refused,  ///< An output's server said no for good.
  dropped,  ///< A configured limit forced us to give it up.
  /// The agent ends, and it lies neither at the receiver nor in the spool: a checkpoint must not
  /// move past it, a client must be told to try again.
  abandoned,
};

/// One counted object per unit that an input took (tail: a byte range of a file; a receiver: the
/// pending reply). Whoever holds bytes of the unit holds a reference: the call itself, every
/// request that took from it, carried state. When the last one lets go, the input is told the
/// worst outcome and may move its checkpoint or answer its client.
///
/// Lane: one lane; the count is not atomic.
class Receipt {
 public:
  Receipt(const Receipt&) = delete;
  Receipt& operator=(const Receipt&) = delete;

  /// Somebody waits for the answer: requests that hold this receipt are sealed at the end of the
  /// loop turn (or when others are back that were answered together) instead of after
  /// `batch.linger`.
  bool awaited() const noexcept { return awaited_; }
  /// The source can be read again after a crash (a file), so the request may wait in memory for
  /// longer before it is spooled.
  bool rereadable() const noexcept { return rereadable_; }
  void set_rereadable(bool value) noexcept { rereadable_ = value; }

  /// Records an outcome; the worst one stays. `reason` is a short text for a client's error
  /// message and may be empty.
  void report(Outcome outcome, std::string_view reason) noexcept {
    if (outcome > worst_) {
      worst_ = outcome;
      on_worse(outcome, reason);
    }
  }
  Outcome worst() const noexcept { return worst_; }

 protected:
  Receipt(bool awaited, bool rereadable) noexcept : awaited_(awaited), rereadable_(rereadable) {}
  virtual ~Receipt() = default;
  /// Called once, on the lane, when nobody holds the receipt any more. The callee owns the object
  /// from then on (delete it, or put it back into a pool).
  virtual void released(Outcome worst) noexcept = 0;
  virtual void on_worse(Outcome, std::string_view) noexcept {}

 private:
  friend class ReceiptRef;
  uint32_t refs_ = 0;
  Outcome worst_ = Outcome::settled;
  bool awaited_;
  bool rereadable_;
};

/// Holds a receipt.
class ReceiptRef {
 public:
  ReceiptRef() = default;
  explicit ReceiptRef(Receipt* receipt) noexcept : receipt_(receipt) {
    if (receipt_ != nullptr) {
      ++receipt_->refs_;
    }
  }
  ReceiptRef(const ReceiptRef& other) noexcept : ReceiptRef(other.receipt_) {}
  ReceiptRef(ReceiptRef&& other) noexcept : receipt_(std::exchange(other.receipt_, nullptr)) {}
  ReceiptRef& operator=(ReceiptRef other) noexcept {
    std::swap(receipt_, other.receipt_);
    return *this;
  }
  ~ReceiptRef() { reset(); }

  void reset() noexcept {
    Receipt* receipt = std::exchange(receipt_, nullptr);
    if (receipt != nullptr && --receipt->refs_ == 0) {
      receipt->released(receipt->worst_);
    }
  }
  Receipt* get() const noexcept { return receipt_; }
  Receipt* operator->() const noexcept { return receipt_; }
  explicit operator bool() const noexcept { return receipt_ != nullptr; }

 private:
  Receipt* receipt_ = nullptr;
};

}  // namespace tailrace
