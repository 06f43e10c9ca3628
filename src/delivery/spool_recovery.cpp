// What a spool does at start: finds its segments, verifies them, and clears away what a crash left.

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "tailrace/log.h"

#include "delivery/spool_log.h"
#include "delivery/spool_scan.h"

namespace tailrace::delivery {

struct SpoolLog::Found {
  uint64_t number;
  std::string path;
  SegmentScan scan;
};

Result<std::unique_ptr<SpoolLog>> SpoolLog::open(loop::FileLayer& files, std::string directory,
                                                 uint64_t segment_bytes,
                                                 std::vector<RecoveredRecord>& recovered) {
  if (Status made = files.make_directories(directory); !made) {
    return tl::unexpected<Error>(made.error());
  }
  std::unique_ptr<SpoolLog> log(new SpoolLog(files, std::move(directory), segment_bytes));
  if (Status done = log->recover(recovered); !done) {
    return tl::unexpected<Error>(done.error());
  }
  return log;
}

Status SpoolLog::recover(std::vector<RecoveredRecord>& recovered) {
  auto scanned = scan_all();
  if (!scanned) {
    return tl::unexpected<Error>(scanned.error());
  }
  // From here on nothing fails: what cannot be cleaned up stays and does no harm.
  drop_copies(*scanned);
  size_t records = 0;
  for (const Found& found : *scanned) {
    records += found.scan.records.size();
  }
  recovered.reserve(records);
  for (Found& found : *scanned) {
    next_serial_ = std::max(next_serial_, found.scan.last_serial + 1);
    clean_up(found);
    for (ScannedRecord& record : found.scan.records) {
      recovered.push_back(
          {{found.number, record.offset, record.header.payload_size}, std::move(record.envelope)});
    }
    found.scan.records = {};  // there may be many: not kept twice
  }
  return {};
}

/// Reads all segments, in order, and touches none: one from a newer version must find the folder
/// as it was when that version is run again.
Result<std::vector<SpoolLog::Found>> SpoolLog::scan_all() {
  auto names = files_.list(directory_);
  if (!names) {
    return tl::unexpected<Error>(names.error());
  }
  std::vector<Found> all;
  for (const std::string& text : *names) {  // sorted, and so by number
    const auto name = parse_segment_name(text);
    if (!name) {
      continue;
    }
    next_segment_ = std::max(next_segment_, name->number + 1);
    const std::string path = path_of(name->number, name->salt);
    auto file = files_.open(path, loop::FileLayer::Open::read);
    if (!file) {
      keep_aside(path, file.error().message, 0);
      continue;
    }
    auto scan = scan_segment(**file, name->salt, path);
    if (!scan && scan.error().code == ErrorCode::unsupported) {
      return tl::unexpected<Error>(scan.error());
    }
    if (!scan) {
      keep_aside(path, scan.error().message, (*file)->size().value_or(0));
    } else if (segments_.count(name->number) != 0) {
      keep_aside(path, "another segment has the same number", scan->size);
    } else {
      segments_[name->number].salt = name->salt;
      set_size(name->number, scan->size);
      all.push_back({name->number, path, std::move(*scan)});
    }
  }
  return all;
}

void SpoolLog::keep_aside(const std::string& path, const std::string& why, uint64_t size) {
  ++kept_aside_;
  disk_bytes_ += size;
  log_line(LogLevel::error, "spool", "unreadable",
           fmt::format("{} is left as it is and its requests are not sent: {}; they are tried "
                       "again at the next start",
                       path, why));
}

/// After a failed sync the records that were not durable are written into the next segment; where
/// both copies are found, the second is the one that was synced.
void SpoolLog::drop_copies(std::vector<Found>& all) {
  using Key = std::tuple<uint64_t, uint32_t, uint32_t>;
  auto key_of = [](const ScannedRecord& record) {
    return Key(record.header.serial, record.header.envelope_crc, record.header.payload_crc);
  };
  for (size_t i = 0; i + 1 < all.size(); ++i) {
    auto& older = all[i].scan.records;
    const auto& newer = all[i + 1].scan.records;
    if (older.empty() || newer.empty() ||
        older.back().header.serial < newer.front().header.serial) {
      continue;  // serials go on where they left off: no copies
    }
    std::set<Key> copied;
    for (const ScannedRecord& record : newer) {
      copied.insert(key_of(record));
    }
    std::erase_if(older, [&](const auto& record) { return copied.count(key_of(record)) != 0; });
  }
}

void SpoolLog::clean_up(Found& found) {
  const SegmentScan& scan = found.scan;
  if (scan.bad_records > 0) {
    bad_records_ += scan.bad_records;
    log_line(LogLevel::error, "spool", "bad_record",
             fmt::format("{} records in {} do not verify and are skipped: what they held is lost "
                         "unless its source still has it",
                         scan.bad_records, found.path));
  }
  if (scan.torn()) {
    ++torn_tails_;
    log_line(LogLevel::warn, "spool", "torn_tail",
             fmt::format("{} bytes at the end of {} were being written when the agent stopped and "
                         "are cut off",
                         scan.size - scan.good_end, found.path));
  }
  if (scan.records.empty()) {
    remove(found.number);
  } else if (scan.torn()) {
    // Not synced: if the tail comes back after a power loss, it is cut off once more.
    auto file = files_.open(found.path, loop::FileLayer::Open::read_write);
    if (file && (*file)->truncate(scan.good_end)) {
      set_size(found.number, scan.good_end);
    }
  }
}

}  // namespace tailrace::delivery
