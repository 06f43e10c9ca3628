#pragma once

#include <array>

#include "tailrace/receipt.h"

#include "plugins/inputs/tail/replay_point.h"

namespace tailrace::inputs::tail {

struct File;
class TailReceipt;

/// Told when a file's settled point has moved.
class ReceiptListener {
 public:
  virtual void on_settled(File& file) noexcept = 0;

 protected:
  ~ReceiptListener() = default;
};

/// A file's receipts, oldest first.
///
/// They leave it in the order of the file, so the settled point never passes one that is still
/// held. One that was abandoned (the agent ends) stays, and holds the point.
class ReceiptQueue {
 public:
  ReceiptQueue() = default;
  ~ReceiptQueue();  ///< Those that are still held outlive it and tell nobody.
  ReceiptQueue(const ReceiptQueue&) = delete;
  ReceiptQueue& operator=(const ReceiptQueue&) = delete;

  bool empty() const noexcept { return first_ == nullptr; }
  /// Where a replay of the oldest one begins. Not empty.
  const ReplayPoint& oldest() const noexcept;
  /// Their bytes cannot be read again from now on.
  void set_not_rereadable() noexcept;
  /// A receipt for a unit of `file`, whose queue this is. `point` must not lie before the newest
  /// one's. The caller holds it at once.
  TailReceipt* issue(File& file, ReceiptListener& listener, const ReplayPoint& point,
                     bool rereadable);

 private:
  friend class TailReceipt;
  bool drop_done() noexcept;
  TailReceipt* first_ = nullptr;
  TailReceipt* last_ = nullptr;
};

/// One unit of a file: everything from `point` on has to be read again until it is released.
class TailReceipt final : public Receipt {
 public:
  /// Holds a predecessor's receipt for as long as this one lives: a line that began there is in
  /// this unit.
  void hold(ReceiptRef origin) noexcept;

 private:
  friend class ReceiptQueue;
  TailReceipt(File& file, ReceiptListener& listener, const ReplayPoint& point, bool rereadable)
      : Receipt(false, rereadable), file_(&file), listener_(&listener), point_(point) {}
  void released(Outcome worst) noexcept override;

  File* file_;  // null: its queue is gone
  ReceiptListener* listener_;
  ReplayPoint point_;
  TailReceipt* next_ = nullptr;
  enum class State : unsigned char { held, abandoned, done } state_ = State::held;
  std::array<ReceiptRef, kStreams> origins_;
};

}  // namespace tailrace::inputs::tail
