#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "delivery/spool.h"
#include "delivery/spool_log.h"
#include "delivery/spool_thread.h"

namespace tailrace::delivery {

/// The spool on disk: takes calls from all lanes, does them on the spool thread with a SpoolLog,
/// and posts the answers.
///
/// Lane: any thread calls; log_ belongs to the spool thread (work()), the rest is locked or atomic.
class DiskSpool final : public Spool, private SpoolClient {
 public:
  DiskSpool(std::shared_ptr<SpoolWorker> worker, const SpoolOptions& options,
            std::unique_ptr<SpoolLog> log, const std::vector<RecoveredRecord>& recovered);
  /// Waits until everything that was asked has been done.
  ~DiskSpool() override;

  bool reserve(const Envelope& envelope, size_t payload_size) noexcept override;
  void unreserve(const Envelope& envelope, size_t payload_size) noexcept override;
  uint64_t free_budget() const noexcept override;
  void append(Lane& lane, Envelope envelope, Bytes payload,
              std::function<void(Appended)> done) override;
  void read(Lane& lane, SpoolRef ref, std::function<void(Result<Bytes>)> done) override;
  void settled(SpoolRef ref) override;
  SpoolStats stats() const override;

 private:
  struct Append {
    Lane* lane;
    SpoolRecord record;
    std::function<void(Appended)> done;
  };
  struct Read {
    Lane* lane;
    SpoolRef ref;
    std::function<void(Result<Bytes>)> done;
  };

  void work() override;
  bool take_appends(std::list<Append>& into);
  void do_reads();
  void do_appends();
  void note_outcome(const Status& outcome);
  void remove_emptied();
  void publish_stats();

  const std::shared_ptr<SpoolWorker> worker_;
  const std::string directory_;
  const uint64_t disk_budget_;
  const uint64_t group_bytes_;
  const int64_t commit_delay_ns_;
  const std::unique_ptr<SpoolLog> log_;  // spool thread only
  std::atomic<uint64_t> taken_;          // of the budget: bytes on disk and reservations

  mutable std::mutex mutex_;  // guards everything below; never held during I/O
  std::list<Append> appends_;
  std::vector<Read> reads_;
  std::map<uint64_t, uint64_t> waiting_;  // segment -> records that are not settled
  std::set<uint64_t> emptied_;            // segments that came to have none
  SpoolStats stats_;
};

}  // namespace tailrace::delivery
