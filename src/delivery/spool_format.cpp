#include "delivery/spool_format.h"

#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "tailrace/check.h"

#include "codec/varint.h"
#include "delivery/fixed_ints.h"

namespace tailrace::delivery {

namespace {

constexpr std::string_view kSegmentSuffix = ".spool";
constexpr size_t kNumberDigits = 16;
constexpr size_t kSaltDigits = 8;

constexpr std::string_view kRecordMagic{"TRrc", 4};
// Offsets of a record header's fields.
constexpr size_t kSalt = 4;
constexpr size_t kSerial = 8;
constexpr size_t kEnvelopeSize = 16;
constexpr size_t kPayloadSize = 20;
constexpr size_t kEnvelopeCrc = 24;
constexpr size_t kPayloadCrc = 28;
constexpr size_t kHeaderCrc = 36;

uint64_t size_of_record(uint64_t envelope_size, uint64_t payload_size) noexcept {
  const uint64_t bytes = kRecordHeaderSize + envelope_size + payload_size;
  return (bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

size_t text_size(std::string_view text) noexcept {
  return codec::varint_size(text.size()) + text.size();
}

char* write_text(char* to, std::string_view text) {
  to = codec::write_varint(to, text.size());
  return to + text.copy(to, text.size());
}

/// Reads an envelope's fields one after the other; `ok` turns false at the first that does not fit.
struct EnvelopeReader {
  const char* at;
  const char* end;
  bool ok = true;

  uint64_t number(uint64_t most = std::numeric_limits<uint64_t>::max()) {
    uint64_t value = 0;
    ok = ok && codec::read_varint(at, end, value) && value <= most;
    return ok ? value : 0;
  }
  uint32_t number32() {
    return static_cast<uint32_t>(number(std::numeric_limits<uint32_t>::max()));
  }
  /// How many things of at least `least_bytes` follow: never more than there can be.
  size_t count(size_t least_bytes) { return number(static_cast<uint64_t>(end - at) / least_bytes); }
  std::string text() {
    const size_t size = number();
    ok = ok && size <= static_cast<size_t>(end - at);
    if (!ok) {
      return {};
    }
    at += size;
    return {at - size, size};
  }
};

}  // namespace

std::string SegmentName::text() const {
  return fmt::format("{:016x}-{:08x}{}", number, salt, kSegmentSuffix);
}

std::optional<SegmentName> parse_segment_name(std::string_view text) {
  if (text.size() != kNumberDigits + 1 + kSaltDigits + kSegmentSuffix.size()) {
    return std::nullopt;
  }
  SegmentName name;
  const char* const salt = text.data() + kNumberDigits + 1;
  std::from_chars(text.data(), salt - 1, name.number, 16);
  std::from_chars(salt, salt + kSaltDigits, name.salt, 16);
  // Whatever did not fit gives another text than the one that was read.
  return name.text() == text ? std::optional(name) : std::nullopt;
}

uint64_t RecordHeader::record_size() const noexcept {
  return size_of_record(envelope_size, payload_size);
}

uint64_t record_size(const Envelope& envelope, size_t payload_size) noexcept {
  return size_of_record(envelope_size(envelope), payload_size);
}

std::string encode_record_head(uint32_t salt, uint64_t serial, const Envelope& envelope,
                               std::string_view payload) {
  const std::string encoded = encode_envelope(envelope);
  std::string head(size_of_record(encoded.size(), payload.size()) - payload.size(), '\0');
  head.replace(0, kRecordMagic.size(), kRecordMagic);
  store_u32(&head[kSalt], salt);
  store_u64(&head[kSerial], serial);
  store_u32(&head[kEnvelopeSize], static_cast<uint32_t>(encoded.size()));
  store_u32(&head[kPayloadSize], static_cast<uint32_t>(payload.size()));
  store_u32(&head[kEnvelopeCrc], state_checksum(encoded));
  store_u32(&head[kPayloadCrc], state_checksum(payload));
  store_u32(&head[kHeaderCrc], state_checksum(std::string_view(head).substr(0, kHeaderCrc)));
  head.replace(kRecordHeaderSize, encoded.size(), encoded);
  return head;
}

std::optional<RecordHeader> decode_record_header(std::string_view bytes, uint32_t salt) {
  if (bytes.size() < kRecordHeaderSize || !bytes.starts_with(kRecordMagic) ||
      load_u32(&bytes[kSalt]) != salt ||
      state_checksum(bytes.substr(0, kHeaderCrc)) != load_u32(&bytes[kHeaderCrc])) {
    return std::nullopt;
  }
  RecordHeader header;
  header.serial = load_u64(&bytes[kSerial]);
  header.envelope_size = load_u32(&bytes[kEnvelopeSize]);
  header.payload_size = load_u32(&bytes[kPayloadSize]);
  header.envelope_crc = load_u32(&bytes[kEnvelopeCrc]);
  header.payload_crc = load_u32(&bytes[kPayloadCrc]);
  return header;
}

size_t envelope_size(const Envelope& envelope) noexcept {
  size_t size = codec::varint_size(envelope.format_version) +
                codec::varint_size(envelope.order_key) + text_size(envelope.tenant) +
                codec::varint_size(envelope.sources.size()) +
                codec::varint_size(envelope.parts.size());
  for (const auto& [input, pipeline] : envelope.sources) {
    size += text_size(input) + text_size(pipeline);
  }
  for (const Envelope::Part& part : envelope.parts) {
    size += codec::varint_size(part.source) + codec::varint_size(part.range.offset) +
            codec::varint_size(part.range.length) + codec::varint_size(part.range.weight.records) +
            codec::varint_size(part.range.weight.bytes);
  }
  return size;
}

std::string encode_envelope(const Envelope& envelope) {
  std::string bytes(envelope_size(envelope), '\0');
  char* to = bytes.data();
  to = codec::write_varint(to, envelope.format_version);
  to = codec::write_varint(to, envelope.order_key);
  to = write_text(to, envelope.tenant);
  to = codec::write_varint(to, envelope.sources.size());
  for (const auto& [input, pipeline] : envelope.sources) {
    to = write_text(write_text(to, input), pipeline);
  }
  to = codec::write_varint(to, envelope.parts.size());
  for (const Envelope::Part& part : envelope.parts) {
    TR_CHECK(part.source < envelope.sources.size());
    to = codec::write_varint(to, part.source);
    to = codec::write_varint(to, part.range.offset);
    to = codec::write_varint(to, part.range.length);
    to = codec::write_varint(to, part.range.weight.records);
    to = codec::write_varint(to, part.range.weight.bytes);
  }
  TR_CHECK(to == bytes.data() + bytes.size());
  return bytes;
}

Result<Envelope> decode_envelope(std::string_view bytes) {
  EnvelopeReader reader{bytes.data(), bytes.data() + bytes.size()};
  Envelope envelope;
  envelope.format_version = reader.number32();
  envelope.order_key = reader.number();
  envelope.tenant = reader.text();
  const size_t sources = reader.count(2);
  envelope.sources.reserve(sources);
  for (size_t i = 0; i < sources && reader.ok; ++i) {
    std::string input = reader.text();
    envelope.sources.emplace_back(std::move(input), reader.text());
  }
  const size_t parts = reader.count(5);
  envelope.parts.reserve(parts);
  for (size_t i = 0; i < parts && reader.ok; ++i) {
    Envelope::Part& part = envelope.parts.emplace_back();
    part.source = reader.number32();
    reader.ok = reader.ok && part.source < envelope.sources.size();
    part.range.offset = reader.number32();
    part.range.length = reader.number32();
    part.range.weight.records = reader.number();
    part.range.weight.bytes = reader.number();
  }
  if (!reader.ok || reader.at != reader.end) {
    return fail(ErrorCode::corrupt, "an envelope in the spool is malformed");
  }
  return envelope;
}

}  // namespace tailrace::delivery
