#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/bytes.h"
#include "tailrace/lane.h"
#include "tailrace/output.h"
#include "tailrace/result.h"

#include "loop/file_layer.h"

namespace tailrace::delivery {

/// What is written beside a payload, so that a later process can send it and keep its books.
struct Envelope {
  uint32_t format_version = 1;
  std::string tenant;
  uint64_t order_key = 0;  ///< Shard number of the sequence within its tenant.
  struct Part {
    uint32_t source = 0;  ///< Index into `sources`.
    PartRange range;
  };
  std::vector<std::pair<std::string, std::string>> sources;  ///< (input, pipeline) names.
  std::vector<Part> parts;
};

/// Names one record of a spool for the life of the process.
struct SpoolRef {
  uint64_t segment = 0;
  uint64_t offset = 0;
  uint32_t payload_size = 0;
  friend bool operator==(const SpoolRef&, const SpoolRef&) = default;
};

struct RecoveredRecord {
  SpoolRef ref;
  Envelope envelope;
};

/// Numbers for metrics and status. Any thread may read them at any time.
struct SpoolStats {
  uint64_t disk_bytes = 0;  ///< Size of all segments.
  uint64_t records = 0;     ///< Not settled yet.
  uint64_t segments = 0;
  uint64_t torn_tails = 0;   ///< Cut when the spool was opened.
  uint64_t bad_records = 0;  ///< Skipped because their checksum was wrong.
  uint64_t append_failures = 0;
  uint64_t sync_failures = 0;
  bool failing = false;  ///< The last append did not work.
  std::string last_error;
};

/// The thread on which all spools of the agent do their blocking work, so that a dying disk stalls
/// no lane. Stops when destroyed, after everything that was asked has been done.
class SpoolThread {
 public:
  SpoolThread();
  ~SpoolThread();
  SpoolThread(const SpoolThread&) = delete;
  SpoolThread& operator=(const SpoolThread&) = delete;

 private:
  friend class Spool;
  struct State;
  std::unique_ptr<State> state_;
};

struct SpoolOptions {
  std::string directory;              ///< Made if missing. One per output name and type.
  uint64_t disk_budget = 1ull << 30;  ///< Bytes over all segments.
  /// A segment goes as a whole; so that space comes back in pieces it is at most an eighth of the
  /// budget (but at least 64 KiB).
  uint64_t segment_bytes = 8ull << 20;
  std::chrono::milliseconds commit_delay{100};  ///< Longest that company may put off an fsync.
};

/// The durable part of one output's queue: an append-only log of sealed requests in segments.
/// Used by all lanes; every call is safe from any thread and none of them blocks. Answers come
/// through Lane::post. Format: src/delivery/SPOOL_FORMAT.md.
/// Lifetime: goes before the SpoolThread, and waits for what was asked; lanes that were given stay
/// until then.
class Spool {
 public:
  /// Opens or makes the spool and lists what is in it, oldest first. Torn tails are cut, records
  /// whose checksum is wrong are skipped; both are counted. A segment from a newer version is an
  /// error (unsupported) and nothing is touched. Blocks; start-up only.
  static Result<std::unique_ptr<Spool>> open(loop::FileLayer& files, SpoolThread& thread,
                                             SpoolOptions options,
                                             std::vector<RecoveredRecord>& recovered);
  virtual ~Spool() = default;

  /// Takes room for one record within the disk budget; append() or unreserve() must follow.
  virtual bool reserve(const Envelope& envelope, size_t payload_size) noexcept = 0;
  virtual void unreserve(const Envelope& envelope, size_t payload_size) noexcept = 0;
  /// Bytes of the budget that are not taken.
  virtual uint64_t free_budget() const noexcept = 0;

  struct Appended {
    Status status;  ///< no_space, io …: nothing is durable and the payload comes back.
    SpoolRef ref;
    Bytes payload;  ///< Set when status is an error.
  };
  /// Writes the record and answers after it is fsynced (group commit). The reservation is used up,
  /// or given back if it fails.
  virtual void append(Lane& lane, Envelope envelope, Bytes payload,
                      std::function<void(Appended)> done) = 0;
  /// Reads a payload back. corrupt if its checksum is wrong.
  virtual void read(Lane& lane, SpoolRef ref, std::function<void(Result<Bytes>)> done) = 0;
  /// The record is done with; its segment goes when all in it is. Any thread.
  virtual void settled(SpoolRef ref) = 0;
  virtual SpoolStats stats() const = 0;
};

}  // namespace tailrace::delivery
