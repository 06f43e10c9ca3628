#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "loop/file_layer.h"
#include "pipeline/checkpoint_format.h"
#include "pipeline/checkpoint_store.h"

namespace tailrace::pipeline {

/// The checkpoint file, and the thread that writes it. Lanes only put changes into a map; the
/// thread applies them to its own copy of all rows and writes that, so that no lane waits for
/// encoding or for the disk.
class FileCheckpointStore final : public CheckpointStore {
 public:
  FileCheckpointStore(loop::FileLayer& files, std::string directory,
                      std::chrono::milliseconds interval, CheckpointFile start,
                      uint64_t corrupt_files);
  ~FileCheckpointStore() override;

  const CheckpointRows& at_start() const noexcept override { return at_start_; }
  void update(const std::string& input, std::string key, std::optional<std::string> value) override;
  void update_durable(const std::string& input, std::string key, std::string value, Lane& lane,
                      std::function<void()> done) override;
  Status flush() override;
  Stats stats() const override;

  static constexpr const char* kFileName = "checkpoints";
  static constexpr const char* kNewFileName = "checkpoints.new";
  static constexpr const char* kCorruptPrefix = "checkpoints.corrupt-";

 private:
  using Changes = std::map<std::pair<std::string, std::string>, std::optional<std::string>>;
  struct Waiter {
    Lane* lane;
    std::function<void()> done;
  };

  void run();
  bool something_to_do() const;
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void attempt(std::unique_lock<std::mutex>& lock);
  bool apply(Changes changes);
  Status write(uint64_t& bytes);
  void note_outcome(const Status& outcome);

  loop::FileLayer& files_;
  const std::string directory_;
  const int64_t interval_ns_;
  const CheckpointRows at_start_;

  // The thread's own.
  CheckpointRows rows_;
  uint64_t number_;
  int64_t next_write_ns_ = 0;
  std::vector<Waiter> being_written_;

  mutable std::mutex mutex_;  // guards everything below; never held during I/O
  std::condition_variable changed_;
  std::condition_variable attempted_;
  Changes pending_;
  std::vector<Waiter> waiters_;
  bool unwritten_ = false;  // rows_ has changes that are not on disk, as the last write failed
  bool urgent_ = false;
  bool stopping_ = false;
  uint64_t attempts_begun_ = 0;
  uint64_t attempts_ended_ = 0;
  Status last_outcome_;
  Stats stats_;
  std::thread thread_;
};

}  // namespace tailrace::pipeline
