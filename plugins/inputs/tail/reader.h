#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "tailrace/input.h"

#include "plugins/inputs/tail/file.h"
#include "plugins/inputs/tail/file_checkpoints.h"
#include "plugins/inputs/tail/file_io.h"
#include "plugins/inputs/tail/framing.h"
#include "plugins/inputs/tail/stats.h"
#include "plugins/inputs/tail/tail_config.h"

namespace tailrace::inputs::tail {

/// What reading finds out about a file, for those who look after its life.
class ReaderListener {
 public:
  /// All there is was read.
  virtual void on_end(File& file) = 0;
  /// It is shorter than what was read, or begins with something else.
  virtual void on_truncated(File& file) = 0;
  /// It keeps something that must not wait for ever (an unfinished line).
  virtual void on_carry(File& file) = 0;
  virtual void on_unreadable(File& file, const std::string& why) = 0;
  /// Nothing is left to read anywhere.
  virtual void on_idle() = 0;

 protected:
  ~ReaderListener() = default;
};

/// Reads files that have data, unit by unit, in turns: by deficit round robin, so that a loud file
/// gets its share and not everyone's.
/// Source: Shreedhar and Varghese, "Efficient Fair Queuing using Deficit Round Robin".
/// Lane:   the input's.
class Reader {
 public:
  Reader(const TailConfig& config, InputContext& context, Stats& stats,
         FileCheckpoints& checkpoints, ReaderListener& listener, ReceiptListener& receipts);

  /// There may be something to read in the file (or a decision to carry out).
  void wake(const std::shared_ptr<File>& file);
  void on_credit();
  /// Reads nothing until go_on().
  void hold() noexcept { held_ = true; }
  void go_on();
  /// Reads no more.
  void stop();

  bool idle() const noexcept {
    return !held_ && queue_.empty() && starved_.empty() && on_worker_ == 0;
  }
  size_t queued() const noexcept { return queue_.size() + starved_.size(); }
  const std::deque<std::shared_ptr<File>>& queue() const noexcept { return queue_; }
  /// Drops what the file carries, and gives its memory back.
  void release_carry(File& file) noexcept;
  void release_carried(PendingLine& line) noexcept;
  double carried_bytes() const noexcept { return static_cast<double>(carried_bytes_); }

 private:
  enum class Visit : uint8_t {
    more,      // a unit was read, there may be another
    end,       // all was read
    leave,     // somebody else goes on with it (a worker, its owner)
    starved,   // no memory to carry what it leaves unfinished
    no_credit  // an output has no room
  };

  void turn();
  void schedule();
  Visit visit(const std::shared_ptr<File>& file);
  Visit read_plain(const std::shared_ptr<File>& file, const Decision* decision, size_t want);
  Visit read_gzip(const std::shared_ptr<File>& file, const Decision* decision, size_t want);
  Visit after_short_read(const std::shared_ptr<File>& file, uint64_t seen, bool progress);
  Visit cold(const std::shared_ptr<File>& file);
  Visit at_end(File& file);
  bool begins_as_before(File& file);
  void update_fingerprint(File& file, uint64_t offset, std::string_view bytes);
  bool choose_format(File& file, const UnitBytes& unit);
  /// False: there is no memory for what the unit would leave unfinished; nothing has happened.
  bool run_unit(File& file, const UnitBytes& unit);
  void push(File& file, TailReceipt& receipt);
  void enqueue(const std::shared_ptr<File>& file);
  void start_warm_up(std::shared_ptr<File> file);
  void run_on_worker(std::shared_ptr<File> file, std::function<void()> work);
  int64_t now() const noexcept { return lane_.clock().monotonic_ns(); }

  const TailConfig& config_;
  InputContext& context_;
  Lane& lane_;
  Feed& feed_;
  Stats& stats_;
  FileCheckpoints& checkpoints_;
  ReaderListener& listener_;
  ReceiptListener& receipts_;

  Framer framer_;
  WarmReader io_;
  std::unique_ptr<char[]> block_;
  std::deque<std::shared_ptr<File>> queue_;
  std::vector<std::shared_ptr<File>> starved_;  // of memory
  std::deque<std::shared_ptr<File>> cold_;      // wait for a worker
  size_t warming_ = 0;
  size_t on_worker_ = 0;
  size_t carried_bytes_ = 0;
  bool waits_for_credit_ = false;
  bool held_ = false;
  bool stopped_ = false;
  std::unique_ptr<Timer> turn_timer_;
  std::unique_ptr<Timer> memory_timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tailrace::inputs::tail
