#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "delivery/spool.h"

namespace tailrace::delivery {

/// Something that has work for the spool thread.
class SpoolClient {
 public:
  /// On the spool thread: does a piece of the work. What is left asks for another turn.
  virtual void work() = 0;

 protected:
  ~SpoolClient() = default;

 private:
  friend class SpoolWorker;
  bool scheduled_ = false;  // guarded by the worker's mutex
};

/// One thread that gives its clients turns, in order of asking. Sleeps while nobody asks.
class SpoolWorker {
 public:
  SpoolWorker();
  ~SpoolWorker();
  SpoolWorker(const SpoolWorker&) = delete;
  SpoolWorker& operator=(const SpoolWorker&) = delete;

  /// Any thread, also from work(). A client that already waits for its turn gets one only.
  void schedule(SpoolClient& client);
  /// Waits until the client has no turn to come (or none will come, after stop()) and is not at
  /// work. It may then be destroyed.
  void wait_until_done(const SpoolClient& client);
  /// Does what was asked so far and ends the thread.
  void stop();

 private:
  void run();

  std::mutex mutex_;  // guards everything below but thread_
  std::condition_variable asked_;
  std::condition_variable turn_ended_;
  std::deque<SpoolClient*> waiting_;
  const SpoolClient* at_work_ = nullptr;
  bool stopping_ = false;
  bool ended_ = false;
  std::thread thread_;
};

struct SpoolThread::State {
  /// Shared with the spools, so that one that outlives the thread by mistake finds it stopped.
  std::shared_ptr<SpoolWorker> worker = std::make_shared<SpoolWorker>();
};

}  // namespace tailrace::delivery
