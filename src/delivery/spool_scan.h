#pragma once

#include <cstdint>
#include <vector>

#include "tailrace/result.h"

#include "delivery/spool_format.h"
#include "loop/file_layer.h"

namespace tailrace::delivery {

struct ScannedRecord {
  uint64_t offset = 0;
  RecordHeader header;
  Envelope envelope;
};

/// What a segment was found to hold.
struct SegmentScan {
  std::vector<ScannedRecord> records;  ///< Those that verify, in order.
  uint64_t size = 0;                   ///< Of the file.
  uint64_t good_end = 0;               ///< End of the last good record (or of the header).
  uint64_t bad_records = 0;  ///< Records (or a header) that do not verify, with good ones behind.
  uint64_t last_serial = 0;  ///< Highest in any record header, bad payload or not.

  /// Behind the last good record lies something: a write that the crash cut short.
  bool torn() const noexcept { return good_end < size; }
};

/// Reads and verifies a whole segment, in windows of 256 KiB. Changes nothing. `salt` is its
/// name's. Errors: unsupported (a newer format), io. Damage is no error: it is in the result.
Result<SegmentScan> scan_segment(loop::StateFile& file, uint32_t salt, std::string_view what);

}  // namespace tailrace::delivery
