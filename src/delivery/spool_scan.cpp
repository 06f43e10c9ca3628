#include "delivery/spool_scan.h"

#include <algorithm>
#include <string>

namespace tailrace::delivery {

namespace {

constexpr size_t kWindow = 256ull * 1024;

/// Reads a file from front to back in windows.
class WindowedFile {
 public:
  WindowedFile(loop::StateFile& file, uint64_t size) : file_(file), size_(size) {}

  uint64_t size() const noexcept { return size_; }
  const Status& status() const noexcept { return status_; }

  /// Bytes from `offset`, as many as asked for unless the file ends there. Valid until the next
  /// call. Empty after a failed read.
  std::string_view bytes(uint64_t offset, size_t count) {
    count = static_cast<size_t>(std::min<uint64_t>(count, size_ - std::min(size_, offset)));
    if (offset < start_ || offset + count > start_ + window_.size()) {
      auto read = status_ ? file_.read_at(offset, std::max(count, kWindow))
                          : Result<std::string>(tl::unexpected<Error>(status_.error()));
      if (!read) {
        status_ = tl::unexpected<Error>(read.error());
        return {};
      }
      window_ = std::move(*read);
      start_ = offset;
    }
    const std::string_view window(window_);
    return window.substr(static_cast<size_t>(offset - start_)).substr(0, count);
  }

  uint32_t checksum(uint64_t offset, uint64_t count) {
    uint32_t crc = 0;
    while (count > 0) {
      const auto piece = bytes(offset, static_cast<size_t>(std::min<uint64_t>(count, kWindow)));
      if (piece.empty()) {
        break;  // a failed read; status() says so
      }
      crc = state_checksum(piece, crc);
      offset += piece.size();
      count -= piece.size();
    }
    return crc;
  }

 private:
  loop::StateFile& file_;
  uint64_t size_;
  Status status_;
  std::string window_;
  uint64_t start_ = 0;
};

/// The envelope of a record whose header is good; nothing when the record is not.
std::optional<Envelope> verify_body(WindowedFile& file, uint64_t at, const RecordHeader& header) {
  const auto encoded = file.bytes(at + kRecordHeaderSize, header.envelope_size);
  if (encoded.size() != header.envelope_size || state_checksum(encoded) != header.envelope_crc) {
    return std::nullopt;
  }
  auto envelope = decode_envelope(encoded);
  if (!envelope ||
      file.checksum(at + header.payload_offset(), header.payload_size) != header.payload_crc) {
    return std::nullopt;
  }
  return std::move(*envelope);
}

/// Where the next record header that verifies begins, at or behind `at`; the size if there is none.
uint64_t find_record(WindowedFile& file, uint64_t at, uint32_t salt) {
  for (; at + kRecordHeaderSize <= file.size() && file.status(); at += kRecordAlignment) {
    if (decode_record_header(file.bytes(at, kRecordHeaderSize), salt)) {
      return at;
    }
  }
  return file.size();
}

}  // namespace

Result<SegmentScan> scan_segment(loop::StateFile& file, uint32_t salt, std::string_view what) {
  auto size = file.size();
  if (!size) {
    return tl::unexpected<Error>(size.error());
  }
  WindowedFile windows(file, *size);
  SegmentScan scan;
  scan.size = *size;

  uint64_t bad = 0;  // counted when something good follows
  const auto header = decode_state_header(windows.bytes(0, kSegmentHeaderSize), kSegmentMagic,
                                          kSegmentVersion, what);
  if (header) {
    scan.good_end = kSegmentHeaderSize;
  } else if (header.error().code == ErrorCode::unsupported) {
    return tl::unexpected<Error>(header.error());
  } else {
    bad = 1;
  }
  uint64_t at = kSegmentHeaderSize;
  while (at < scan.size && windows.status()) {
    const auto record = decode_record_header(windows.bytes(at, kRecordHeaderSize), salt);
    if (!record) {
      ++bad;
      at = find_record(windows, at + kRecordAlignment, salt);
      continue;
    }
    if (record->record_size() > scan.size - at) {
      break;  // its end was never written
    }
    scan.last_serial = std::max(scan.last_serial, record->serial);
    if (auto envelope = verify_body(windows, at, *record)) {
      scan.records.push_back({at, *record, std::move(*envelope)});
      scan.bad_records += std::exchange(bad, 0);
      scan.good_end = at + record->record_size();
    } else {
      ++bad;
    }
    at += record->record_size();
  }
  if (!windows.status()) {
    return tl::unexpected<Error>(windows.status().error());
  }
  return scan;
}

}  // namespace tailrace::delivery
