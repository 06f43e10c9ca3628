#include "delivery/spool_thread.h"

namespace tailrace::delivery {

SpoolWorker::SpoolWorker() : thread_([this] { run(); }) {}

SpoolWorker::~SpoolWorker() {
  stop();
}

void SpoolWorker::schedule(SpoolClient& client) {
  std::lock_guard lock(mutex_);
  if (!client.scheduled_) {
    client.scheduled_ = true;
    waiting_.push_back(&client);
    asked_.notify_one();
  }
}

void SpoolWorker::wait_until_done(const SpoolClient& client) {
  std::unique_lock lock(mutex_);
  turn_ended_.wait(lock, [&] { return ended_ || (!client.scheduled_ && at_work_ != &client); });
}

void SpoolWorker::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    asked_.notify_one();
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

void SpoolWorker::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    asked_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) {
      ended_ = true;  // told to stop, and all is done
      return;
    }
    SpoolClient* client = waiting_.front();
    waiting_.pop_front();
    client->scheduled_ = false;
    at_work_ = client;
    lock.unlock();
    client->work();
    lock.lock();
    at_work_ = nullptr;
    turn_ended_.notify_all();
  }
}

SpoolThread::SpoolThread() : state_(std::make_unique<State>()) {}

SpoolThread::~SpoolThread() {
  state_->worker->stop();
}

}  // namespace tailrace::delivery
