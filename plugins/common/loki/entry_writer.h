#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "tailrace/log_batch.h"

#include "codec/proto_writer.h"

/// Writing entries of Loki's push request in protobuf:
///
///   PushRequest      1 streams: repeated StreamAdapter
///   StreamAdapter    1 labels: string, 2 entries: repeated EntryAdapter
///   EntryAdapter     1 timestamp: {1 seconds: int64, 2 nanos: int32}, 2 line: string,
///                    3 structuredMetadata: repeated LabelPairAdapter
///   LabelPairAdapter 1 name: string, 2 value: string
///
/// Source: Loki pkg/push/push.proto; wire-facts section 2.
namespace tailrace::loki {

inline constexpr uint32_t kStreamsField = 1;
inline constexpr uint32_t kLabelsField = 1;
inline constexpr uint32_t kEntriesField = 2;
inline constexpr uint32_t kTimestampField = 1;
inline constexpr uint32_t kLineField = 2;
inline constexpr uint32_t kMetadataField = 3;

/// Most that an entry takes beside its line and its metadata: two tags and lengths, the timestamp,
/// the line's tag and length.
inline constexpr size_t kEntryOverhead = 32;
/// Bytes behind the last entry that may be written over.
inline constexpr size_t kWriteSlack = 16;
/// Most that a pair of metadata takes beside its name and value.
inline constexpr size_t kPairOverhead = 24;

/// A whole structuredMetadata field of one pair, ready to be copied into an entry.
std::string encode_metadata_pair(std::string_view name, std::string_view value);

inline size_t metadata_pair_size(const MetaPair& pair) noexcept {
  return codec::bytes_field_size(1, pair.name.size()) +
         codec::bytes_field_size(2, pair.value.size());
}

/// True when every length within the pair's field takes one byte, as it mostly does.
inline bool is_short(const MetaPair& pair) noexcept {
  return pair.name.size() <= 60 && pair.value.size() <= 60;
}
/// The whole field, with its tag.
inline size_t metadata_field_size(const MetaPair& pair) noexcept {
  return is_short(pair) ? 6 + pair.name.size() + pair.value.size()
                        : codec::bytes_field_size(kMetadataField, metadata_pair_size(pair));
}

/// Writes entries one behind the other. Keeps the encoding of the second that the last timestamp
/// lay in, for most have it in common.
class EntryWriter {
 public:
  /// Writes one entry at `to`, where entry_bound() + kWriteSlack bytes are free; returns the place
  /// behind it. Lines and pieces of metadata are shorter than 4 GiB.
  /// `ready` holds metadata fields that are encoded already (see encode_metadata_pair). Text is
  /// copied as it is; text_was_ascii() tells whether it needs a closer look. A timestamp before
  /// 1677-09-21T00:12:44Z is written as that.
  /// Inlined wherever it is used: without metadata little of it remains.
  [[gnu::always_inline]] char* write(char* to, int64_t timestamp_ns, std::string_view line,
                                     std::string_view ready, MetaSpan metadata) noexcept {
    timestamp_ns = std::max(timestamp_ns, kLeastTime);
    uint64_t nanos = static_cast<uint64_t>(timestamp_ns) - second_start_ns_;
    if (nanos >= kSecond) [[unlikely]] {
      set_second(timestamp_ns);
      nanos = static_cast<uint64_t>(timestamp_ns) - second_start_ns_;
    }
    const size_t nanos_size = nanos == 0 ? 0 : 1 + codec::varint_size(nanos);
    const size_t time_size = seconds_size_ + nanos_size;
    size_t size = 2 + time_size + 1 + codec::varint_size(line.size()) + line.size() + ready.size();
    for (uint32_t i = 0; i < metadata.count; ++i) {
      size += metadata_field_size(metadata.pairs[i]);
    }

    *to++ = kEntryTag;
    to = codec::write_varint(to, size);
    *to++ = kTimestampTag;
    *to++ = static_cast<char>(time_size);
    std::memcpy(to, seconds_, sizeof seconds_);  // all of it: a copy of known size is one move
    to += seconds_size_;
    if (nanos != 0) [[likely]] {
      *to++ = kNanosTag;
      to = write_varint32(to, static_cast<uint32_t>(nanos));
    }
    *to++ = kLineTag;
    to = codec::write_varint(to, line.size());
    high_bits_ = 0;
    to = copy(to, line);
    if (!ready.empty()) {
      std::memcpy(to, ready.data(), ready.size());
      to += ready.size();
    }
    for (uint32_t i = 0; i < metadata.count; ++i) {
      to = write_pair(to, metadata.pairs[i]);
    }
    return to;
  }

  /// Of the entry that was written last: line and metadata held no byte above 0x7f.
  bool text_was_ascii() const noexcept { return high_bits_ == 0; }

  static size_t entry_bound(std::string_view line, std::string_view ready,
                            MetaSpan metadata) noexcept {
    size_t bound = kEntryOverhead + line.size() + ready.size();
    for (uint32_t i = 0; i < metadata.count; ++i) {
      bound += kPairOverhead + metadata.pairs[i].name.size() + metadata.pairs[i].value.size();
    }
    return bound;
  }

 private:
  static constexpr uint64_t kSecond = 1'000'000'000;
  /// The first whole second; the one before it would begin where 64 bits have wrapped around.
  static constexpr int64_t kLeastTime = INT64_MIN / 1'000'000'000 * 1'000'000'000;
  static constexpr char kEntryTag = kEntriesField << 3 | 2;
  static constexpr char kTimestampTag = kTimestampField << 3 | 2;
  static constexpr char kSecondsTag = 1 << 3;
  static constexpr char kNanosTag = 2 << 3;
  static constexpr char kLineTag = kLineField << 3 | 2;
  static constexpr char kMetadataTag = kMetadataField << 3 | 2;
  static constexpr char kPairNameTag = 1 << 3 | 2;
  static constexpr char kPairValueTag = 2 << 3 | 2;

  void set_second(int64_t timestamp_ns) noexcept;

  char* write_pair(char* to, const MetaPair& pair) noexcept {
    if (is_short(pair)) [[likely]] {
      *to++ = kMetadataTag;
      *to++ = static_cast<char>(4 + pair.name.size() + pair.value.size());
      *to++ = kPairNameTag;
      *to++ = static_cast<char>(pair.name.size());
      to = copy(to, pair.name);
      *to++ = kPairValueTag;
      *to++ = static_cast<char>(pair.value.size());
      return copy(to, pair.value);
    }
    to = codec::write_bytes_header(to, kMetadataField, metadata_pair_size(pair));
    to = copy(codec::write_bytes_header(to, 1, pair.name.size()), pair.name);
    return copy(codec::write_bytes_header(to, 2, pair.value.size()), pair.value);
  }

  /// A varint of up to 28 bits or so without a loop; touches 8 bytes at `to`.
  static char* write_varint32(char* to, uint32_t value) noexcept {
    const uint64_t v = value;
    const size_t size = codec::varint_size(v);
    uint64_t word = (v & 0x7f) | (v & 0x3f80) << 1 | (v & 0x1fc000) << 2 | (v & 0xfe00000) << 3 |
                    (v & 0xf0000000) << 4;
    word |= 0x8080808080808080 & ~(~uint64_t{0} << (8 * (size - 1)));
    std::memcpy(to, &word, sizeof word);
    return to + size;
  }

  /// Copies text and notes whether it has bytes above 0x7f. Reads and writes nothing outside.
  [[gnu::always_inline]] char* copy(char* to, std::string_view text) noexcept {
    const char* from = text.data();
    size_t left = text.size();
#if defined(__SSE2__)
    if (left >= 16) {
      __m128i seen = _mm_setzero_si128();
      const auto move = [&seen](char* there, const char* here) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(here));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(there), bytes);
        seen = _mm_or_si128(seen, bytes);
      };
      for (; left >= 64; left -= 64, from += 64, to += 64) {
        move(to, from);
        move(to + 16, from + 16);
        move(to + 32, from + 32);
        move(to + 48, from + 48);
      }
      for (; left >= 16; left -= 16, from += 16, to += 16) {
        move(to, from);
      }
      if (left > 0) {  // the last 16 bytes once more, so that they end where the text does
        move(to + left - 16, from + left - 16);
      }
      high_bits_ |= static_cast<uint32_t>(_mm_movemask_epi8(seen));
      return to + left;
    }
#endif
    if (left >= 8 && left < 16) {
      move_ends<uint64_t>(to, from, left);
      return to + left;
    }
    if (left >= 4 && left < 8) {
      move_ends<uint32_t>(to, from, left);
      return to + left;
    }
    uint8_t seen = 0;
    for (size_t i = 0; i < left; ++i) {
      to[i] = from[i];
      seen |= static_cast<uint8_t>(from[i]);
    }
    high_bits_ |= seen & 0x80U;
    return to + left;
  }
  /// Two overlapping words, for text of 8 to 15 or 4 to 7 bytes.
  template <class Word>
  void move_ends(char* to, const char* from, size_t size) noexcept {
    Word first = 0;
    Word last = 0;
    std::memcpy(&first, from, sizeof(Word));
    std::memcpy(&last, from + size - sizeof(Word), sizeof(Word));
    std::memcpy(to, &first, sizeof(Word));
    std::memcpy(to + size - sizeof(Word), &last, sizeof(Word));
    constexpr auto kHigh = static_cast<Word>(0x8080808080808080);
    high_bits_ |= ((first | last) & kHigh) != 0 ? 1U : 0U;
  }

  uint64_t second_start_ns_ = 0;  // as two's complement: differences are right, whatever the sign
  size_t seconds_size_ = 0;
  char seconds_[16] = {};  // tag and varint; 16 bytes are copied, seconds_size_ of them count
  uint32_t high_bits_ = 0;
};

}  // namespace tailrace::loki
