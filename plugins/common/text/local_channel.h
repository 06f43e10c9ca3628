#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "tailrace/channel.h"
#include "tailrace/lane.h"
#include "tailrace/output.h"

namespace tailrace::common::text {

/// A place on this machine that requests are written to: a file, standard output.
///
/// Lane: write() and give_up() run on worker threads and on the lane, never two at a time.
class LocalSink {
 public:
  virtual ~LocalSink() = default;
  /// Writes what it can of `payload` from `from` on, and returns how many bytes it took; 0 when it
  /// had to wait for too long (it is called again). When everything is taken, it is as durable as
  /// the options say. After an error the same payload comes again from its start, later.
  virtual Result<size_t> write(std::string_view payload, size_t from) = 0;
  /// The payload that was begun will not be gone on with.
  virtual void give_up() noexcept = 0;
};

/// Brings requests to a LocalSink on worker threads, one after the other, in the order of the
/// calls; only the body of a call matters.
///
/// Lifetime: the body of the call in work is copied, because it may be cancelled while a worker
///           reads it.
/// Lane:     the one that it was made on.
class LocalChannel final : public Channel {
 public:
  LocalChannel(Lane& lane, std::shared_ptr<LocalSink> sink);
  ~LocalChannel() override;

  CallId call(const Call& call, std::function<void(CallResult)> done) override;
  void cancel(CallId id) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// What came of a call to a LocalChannel: delivered, or to be tried again.
Answer read_local_answer(const CallResult& result);

}  // namespace tailrace::common::text
