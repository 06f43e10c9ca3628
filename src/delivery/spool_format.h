#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tailrace/result.h"

#include "delivery/spool.h"
#include "delivery/state_header.h"

/// The bytes of spool segments, without any file. SPOOL_FORMAT.md describes them.
namespace tailrace::delivery {

inline constexpr std::string_view kSegmentMagic{"TRSPOOL\n", 8};
inline constexpr uint32_t kSegmentVersion = 1;
inline constexpr size_t kSegmentHeaderSize = kStateHeaderSize;
inline constexpr size_t kRecordHeaderSize = 40;
/// Records begin at multiples of this.
inline constexpr size_t kRecordAlignment = 8;

/// A segment's file name: "0000000000000007-5a17ca5e.spool". It holds the salt, too, so that a
/// damaged beginning of the file does not cost the records behind it.
struct SegmentName {
  uint64_t number = 0;
  uint32_t salt = 0;
  std::string text() const;
};
/// Nothing when the text is no segment's name.
std::optional<SegmentName> parse_segment_name(std::string_view text);

/// What stands before each record.
struct RecordHeader {
  uint64_t serial = 0;  ///< Counts up over a spool's life; two copies of a record share it.
  uint32_t envelope_size = 0;
  uint32_t payload_size = 0;
  uint32_t envelope_crc = 0;
  uint32_t payload_crc = 0;

  /// Of the whole record: header, envelope, padding, payload.
  uint64_t record_size() const noexcept;
  /// From the record's start.
  uint64_t payload_offset() const noexcept { return record_size() - payload_size; }
};

/// Bytes that a record takes on disk.
uint64_t record_size(const Envelope& envelope, size_t payload_size) noexcept;

/// Everything of a record that stands before the payload.
std::string encode_record_head(uint32_t salt, uint64_t serial, const Envelope& envelope,
                               std::string_view payload);
/// `bytes` begins at the record. Nothing when it is none of a segment with this salt.
std::optional<RecordHeader> decode_record_header(std::string_view bytes, uint32_t salt);

size_t envelope_size(const Envelope& envelope) noexcept;
std::string encode_envelope(const Envelope& envelope);
/// Error: corrupt. Every part's source is a valid index afterwards.
Result<Envelope> decode_envelope(std::string_view bytes);

}  // namespace tailrace::delivery
