#include "delivery/disk_spool.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "tailrace/log.h"

#include "delivery/spool_format.h"
#include "loop/clock.h"

namespace tailrace::delivery {

namespace {

/// What a record may add to the disk: itself, and the segment that it may begin.
uint64_t room_for(const Envelope& envelope, size_t payload_size) noexcept {
  return record_size(envelope, payload_size) + kSegmentHeaderSize;
}

/// Segments go as a whole, so a small budget needs small ones: else nothing would become free until
/// all of it is settled.
uint64_t segment_bytes(const SpoolOptions& options) {
  constexpr uint64_t kLeast = 64ull * 1024;
  return std::min(options.segment_bytes, std::max(kLeast, options.disk_budget / 8));
}

}  // namespace

Result<std::unique_ptr<Spool>> Spool::open(loop::FileLayer& files, SpoolThread& thread,
                                           SpoolOptions options,
                                           std::vector<RecoveredRecord>& recovered) {
  recovered.clear();
  auto log = SpoolLog::open(files, options.directory, segment_bytes(options), recovered);
  if (!log) {
    return tl::unexpected<Error>(log.error());
  }
  return std::unique_ptr<Spool>(
      std::make_unique<DiskSpool>(thread.state_->worker, options, std::move(*log), recovered));
}

DiskSpool::DiskSpool(std::shared_ptr<SpoolWorker> worker, const SpoolOptions& options,
                     std::unique_ptr<SpoolLog> log, const std::vector<RecoveredRecord>& recovered)
    : worker_(std::move(worker)),
      directory_(options.directory),
      disk_budget_(options.disk_budget),
      group_bytes_(segment_bytes(options)),
      commit_delay_ns_(Duration(options.commit_delay).count()),
      log_(std::move(log)),
      taken_(log_->disk_bytes()) {
  for (const RecoveredRecord& record : recovered) {
    ++waiting_[record.ref.segment];
  }
  stats_.records = recovered.size();
  publish_stats();
}

DiskSpool::~DiskSpool() {
  worker_->wait_until_done(*this);
}

bool DiskSpool::reserve(const Envelope& envelope, size_t payload_size) noexcept {
  const uint64_t room = room_for(envelope, payload_size);
  uint64_t taken = taken_.load(std::memory_order_relaxed);
  do {
    if (taken + room > disk_budget_) {
      return false;
    }
  } while (!taken_.compare_exchange_weak(taken, taken + room, std::memory_order_relaxed));
  return true;
}

void DiskSpool::unreserve(const Envelope& envelope, size_t payload_size) noexcept {
  taken_.fetch_sub(room_for(envelope, payload_size), std::memory_order_relaxed);
}

uint64_t DiskSpool::free_budget() const noexcept {
  return disk_budget_ - std::min(disk_budget_, taken_.load(std::memory_order_relaxed));
}

void DiskSpool::append(Lane& lane, Envelope envelope, Bytes payload,
                       std::function<void(Appended)> done) {
  Append append{&lane, {}, std::move(done)};
  append.record.envelope = std::move(envelope);
  append.record.payload = std::move(payload);
  {
    std::lock_guard lock(mutex_);
    appends_.push_back(std::move(append));
  }
  worker_->schedule(*this);
}

void DiskSpool::read(Lane& lane, SpoolRef ref, std::function<void(Result<Bytes>)> done) {
  {
    std::lock_guard lock(mutex_);
    reads_.push_back({&lane, ref, std::move(done)});
  }
  worker_->schedule(*this);
}

void DiskSpool::settled(SpoolRef ref) {
  {
    std::lock_guard lock(mutex_);
    const auto segment = waiting_.find(ref.segment);
    if (segment == waiting_.end() || segment->second == 0) {
      return;
    }
    --stats_.records;
    if (--segment->second != 0) {
      return;
    }
    emptied_.insert(ref.segment);
  }
  worker_->schedule(*this);
}

SpoolStats DiskSpool::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

void DiskSpool::work() {
  do_reads();
  do_appends();
  remove_emptied();
  publish_stats();
  bool more = false;
  {
    std::lock_guard lock(mutex_);
    more = !appends_.empty() || !reads_.empty();
  }
  if (more) {
    worker_->schedule(*this);  // behind the other spools
  }
}

bool DiskSpool::take_appends(std::list<Append>& into) {
  std::lock_guard lock(mutex_);
  into.splice(into.end(), appends_);
  return !into.empty();
}

void DiskSpool::do_reads() {
  std::vector<Read> reads;
  {
    std::lock_guard lock(mutex_);
    reads.swap(reads_);
  }
  if (reads.empty()) {
    return;
  }
  // A std::function must be copyable, and a payload is not: it travels behind a pointer.
  std::vector<std::shared_ptr<Result<Bytes>>> results;
  results.reserve(reads.size());
  for (const Read& read : reads) {
    results.push_back(std::make_shared<Result<Bytes>>(log_->read(read.ref)));
  }
  publish_stats();
  for (size_t i = 0; i < reads.size(); ++i) {
    reads[i].lane->post([result = std::move(results[i]), done = std::move(reads[i].done)] {
      done(std::move(*result));
    });
  }
}

/// Writes all that waits, and what comes in the meantime, then syncs once for all of it.
void DiskSpool::do_appends() {
  std::list<Append> group;
  std::list<Append> fresh;
  if (!take_appends(fresh)) {
    return;
  }
  const uint64_t bytes_before = log_->disk_bytes();
  const int64_t until = loop::system_clock().monotonic_ns() + commit_delay_ns_;
  uint64_t room = 0;
  Status outcome;
  log_->begin_group();
  do {
    for (Append& append : fresh) {
      room += room_for(append.record.envelope, append.record.payload.size());
      log_->put(append.record);
      if (outcome) {
        outcome = append.record.status;
      }
    }
    group.splice(group.end(), fresh);
    do_reads();
  } while (outcome && room < group_bytes_ && loop::system_clock().monotonic_ns() < until &&
           take_appends(fresh));
  log_->commit();
  for (const Append& append : group) {
    if (outcome) {
      outcome = append.record.status;  // the first failure
    }
  }
  if (!outcome && take_appends(fresh)) {
    // What came behind a failure goes back with it, so that nothing overtakes.
    for (Append& append : fresh) {
      room += room_for(append.record.envelope, append.record.payload.size());
      append.record.status = outcome;
    }
    group.splice(group.end(), fresh);
  }
  // The reservations become what was really written (modulo 2^64, as the disk may have shrunk).
  taken_.fetch_add(log_->disk_bytes() - bytes_before - room, std::memory_order_relaxed);
  {
    std::lock_guard lock(mutex_);
    for (const Append& append : group) {
      if (append.record.status) {
        ++waiting_[append.record.ref.segment];
        ++stats_.records;
      } else {
        ++stats_.append_failures;
      }
    }
  }
  note_outcome(outcome);
  publish_stats();
  for (Append& append : group) {
    auto answer = std::make_shared<Appended>();
    answer->status = append.record.status;
    if (answer->status) {
      answer->ref = append.record.ref;
    } else {
      answer->payload = std::move(append.record.payload);
    }
    append.lane->post(
        [answer = std::move(answer), done = std::move(append.done)] { done(std::move(*answer)); });
  }
}

void DiskSpool::note_outcome(const Status& outcome) {
  bool was_failing = false;
  {
    std::lock_guard lock(mutex_);
    was_failing = std::exchange(stats_.failing, !outcome);
    if (!outcome) {
      stats_.last_error = outcome.error().message;
    }
  }
  if (!outcome && !was_failing) {
    log_line(LogLevel::error, "spool", "failing " + directory_,
             fmt::format("cannot write to {}: {}; nothing is lost, but requests stay in memory and "
                         "inputs will wait: {}",
                         directory_, outcome.error().message,
                         outcome.error().code == ErrorCode::no_space
                             ? "make room on the file system of agent.state_dir"
                             : "look after the disk under agent.state_dir"));
  } else if (outcome && was_failing) {
    log_line(LogLevel::info, "spool", "works " + directory_,
             fmt::format("writing to {} works again", directory_));
  }
}

void DiskSpool::remove_emptied() {
  std::set<uint64_t> to_remove;
  {
    std::lock_guard lock(mutex_);
    for (auto at = emptied_.begin(); at != emptied_.end();) {
      const uint64_t segment = *at;
      if (waiting_[segment] != 0) {
        at = emptied_.erase(at);  // it was written to again
      } else if (log_->is_active(segment) && !appends_.empty()) {
        ++at;  // it is about to be written to; if not, the next turn sees it
      } else {
        to_remove.insert(segment);
        waiting_.erase(segment);
        at = emptied_.erase(at);
      }
    }
  }
  const uint64_t bytes_before = log_->disk_bytes();
  for (const uint64_t segment : to_remove) {
    log_->remove(segment);
  }
  taken_.fetch_add(log_->disk_bytes() - bytes_before, std::memory_order_relaxed);
}

void DiskSpool::publish_stats() {
  std::lock_guard lock(mutex_);
  stats_.disk_bytes = log_->disk_bytes();
  stats_.segments = log_->segment_count();
  stats_.torn_tails = log_->torn_tails();
  stats_.bad_records = log_->bad_records();
  stats_.sync_failures = log_->sync_failures();
}

}  // namespace tailrace::delivery
