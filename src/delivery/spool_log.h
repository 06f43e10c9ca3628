#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tailrace/bytes.h"
#include "tailrace/result.h"

#include "delivery/spool.h"
#include "loop/file_layer.h"

namespace tailrace::delivery {

/// A record on its way into the log.
struct SpoolRecord {
  Envelope envelope;
  Bytes payload;
  Status status;        ///< Set by SpoolLog::put and commit.
  SpoolRef ref;         ///< Where it lies, when status is ok after commit().
  uint64_t serial = 0;  ///< Set by SpoolLog::put.
};

/// The segments of one spool: writing, reading, recovery. What is durable when, and what becomes of
/// a segment whose fsync failed, is decided here and nowhere else.
///
/// Thread: one at a time (the spool thread); everything blocks.
class SpoolLog {
 public:
  /// Reads what is there, oldest first; see Spool::open. Nothing is appended to old segments: what
  /// of them is on disk and what only in the page cache is not known.
  static Result<std::unique_ptr<SpoolLog>> open(loop::FileLayer& files, std::string directory,
                                                uint64_t segment_bytes,
                                                std::vector<RecoveredRecord>& recovered);
  ~SpoolLog();

  /// A group: records that become durable together. All of them must live until commit().
  void begin_group();
  /// Writes one record. After a failure the rest of the group gets the same error untried, so that
  /// no later record overtakes an earlier one.
  void put(SpoolRecord& record);
  /// Makes the group durable. When a sync fails, its segment gets no second one: what was not
  /// durable is written anew into a fresh segment. If that fails, too, the records get the error.
  void commit();

  Result<Bytes> read(const SpoolRef& ref);
  /// Removes a segment, all of whose records are settled. What cannot be removed now is tried
  /// again with every later group and removal.
  void remove(uint64_t segment);
  bool is_active(uint64_t segment) const noexcept {
    return active_ != nullptr && active_->number == segment;
  }

  const std::string& directory() const noexcept { return directory_; }
  uint64_t disk_bytes() const noexcept { return disk_bytes_; }
  uint64_t segment_count() const noexcept { return segments_.size() + kept_aside_; }
  uint64_t torn_tails() const noexcept { return torn_tails_; }
  uint64_t bad_records() const noexcept { return bad_records_; }
  uint64_t sync_failures() const noexcept { return sync_failures_; }

 private:
  struct Segment {
    uint32_t salt = 0;
    uint64_t size = 0;
  };
  /// The one that is written to.
  struct Active {
    uint64_t number = 0;
    std::unique_ptr<loop::StateFile> file;
    uint64_t synced_size = 0;  ///< 0 until file and name are durable.
    bool full = false;         ///< Its end could not be cleaned up: nothing more goes in.
  };
  struct Found;

  SpoolLog(loop::FileLayer& files, std::string directory, uint64_t segment_bytes);
  // spool_recovery.cpp
  Status recover(std::vector<RecoveredRecord>& recovered);
  Result<std::vector<Found>> scan_all();
  void keep_aside(const std::string& path, const std::string& why, uint64_t size);
  static void drop_copies(std::vector<Found>& all);
  void clean_up(Found& found);

  std::string path_of(uint64_t number, uint32_t salt) const;
  Status append(SpoolRecord& record);
  Status write_record(SpoolRecord& record);
  Status start_segment();
  Status sync_active();
  void abandon_active();
  void set_size(uint64_t segment, uint64_t size);
  void take_out_garbage();

  loop::FileLayer& files_;
  std::string directory_;
  uint64_t segment_bytes_;
  std::map<uint64_t, Segment> segments_;
  uint64_t next_segment_ = 1;
  uint64_t next_serial_ = 1;
  std::unique_ptr<Active> active_;
  std::vector<SpoolRecord*> unsynced_;  // of the group, in order; all in the active segment
  std::optional<Error> group_error_;
  std::vector<uint64_t> garbage_;  // segments to remove
  // The segment that was read from last: replay goes through one after the other.
  uint64_t reading_ = 0;
  std::unique_ptr<loop::StateFile> reading_file_;

  uint64_t disk_bytes_ = 0;
  uint64_t kept_aside_ = 0;  // segments that could not be read at start, and are not touched
  uint64_t torn_tails_ = 0;
  uint64_t bad_records_ = 0;
  uint64_t sync_failures_ = 0;
};

}  // namespace tailrace::delivery
