// WriteReader: native histograms.

#include <algorithm>
#include <bit>

#include "codec/proto_reader.h"
#include "plugins/common/prom/decoding.h"
#include "plugins/common/prom/write_reader.h"

namespace tailrace::common::prom {

namespace {

using codec::ProtoReader;

enum Side : size_t { negative = 0, positive = 1 };

int32_t sint32(uint64_t wire) noexcept {
  return static_cast<int32_t>(codec::unzigzag(wire & UINT32_MAX));
}

bool read_span(std::string_view message, std::vector<BucketSpan>& out) {
  BucketSpan& made = out.emplace_back();
  ProtoReader fields(message);
  while (fields.next()) {
    switch (fields.field()) {
      case span::kOffset:
        made.offset = sint32(fields.varint());
        break;
      case span::kLength:
        made.length = static_cast<uint32_t>(fields.varint());
        break;
      default:
        fields.skip();
    }
  }
  return fields.ok();
}

/// Packed, as proto3 writes it, or one value as a field of its own.
bool read_deltas(ProtoReader& fields, std::vector<int64_t>& out) {
  if (fields.wire_type() == codec::WireType::varint) {
    out.push_back(codec::unzigzag(fields.varint()));
    return true;
  }
  const std::string_view packed = fields.bytes();
  const char* at = packed.data();
  const char* const end = at + packed.size();
  while (at != end) {
    uint64_t value = 0;
    if (!codec::read_varint(at, end, value)) {
      return false;
    }
    out.push_back(codec::unzigzag(value));
  }
  return true;
}

bool read_reals(ProtoReader& fields, std::vector<double>& out) {
  if (fields.wire_type() == codec::WireType::fixed64) {
    out.push_back(std::bit_cast<double>(fields.fixed64()));
    return true;
  }
  const std::string_view packed = fields.bytes();
  if (packed.size() % sizeof(double) != 0) {
    return false;
  }
  for (size_t i = 0; i < packed.size(); i += sizeof(double)) {
    double value = 0;
    std::copy_n(packed.data() + i, sizeof value, reinterpret_cast<char*>(&value));
    out.push_back(value);
  }
  return true;
}

/// Source: Prometheus model/histogram, checkHistogramSpans.
const char* check_spans(std::span<const BucketSpan> spans, size_t buckets) {
  uint64_t length = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    if (i > 0 && spans[i].offset < 0) {
      return "a span of a histogram has a negative offset";
    }
    length += spans[i].length;
  }
  return length == buckets ? nullptr : "spans and buckets of a histogram do not agree";
}

const char* check_histogram(const NativeHistogram& h) {
  if (h.schema != kCustomBuckets && (h.schema < -4 || h.schema > 8)) {
    return "a histogram has a schema that is not known";
  }
  if (h.is_float ? !h.negative_deltas.empty() || !h.positive_deltas.empty()
                 : !h.negative_counts.empty() || !h.positive_counts.empty()) {
    return "a histogram mixes integers and floats";
  }
  const size_t negatives = h.is_float ? h.negative_counts.size() : h.negative_deltas.size();
  const size_t positives = h.is_float ? h.positive_counts.size() : h.positive_deltas.size();
  if (const char* wrong = check_spans(h.negative_spans, negatives); wrong != nullptr) {
    return wrong;
  }
  return check_spans(h.positive_spans, positives);
}

}  // namespace

const char* WriteReader::read_histogram(std::string_view message, Arena& arena) {
  DecodedSeries::Histogram& made = histograms_.emplace_back();
  NativeHistogram& h = made.histogram;
  for (const Side side : {negative, positive}) {
    spans_[side].clear();
    deltas_[side].clear();
    counts_[side].clear();
  }
  custom_values_.clear();
  bool good = true;
  ProtoReader fields(message);
  while (good && fields.next()) {
    switch (fields.field()) {
      case histogram::kCountInt:
        h.count = fields.varint();
        break;
      case histogram::kCountFloat:
        h.is_float = true;
        h.count_float = std::bit_cast<double>(fields.fixed64());
        break;
      case histogram::kSum:
        h.sum = std::bit_cast<double>(fields.fixed64());
        break;
      case histogram::kSchema:
        h.schema = sint32(fields.varint());
        break;
      case histogram::kZeroThreshold:
        h.zero_threshold = std::bit_cast<double>(fields.fixed64());
        break;
      case histogram::kZeroCountInt:
        h.zero_count = fields.varint();
        break;
      case histogram::kZeroCountFloat:
        h.zero_count_float = std::bit_cast<double>(fields.fixed64());
        break;
      case histogram::kNegativeSpans:
        good = read_span(fields.bytes(), spans_[negative]);
        break;
      case histogram::kPositiveSpans:
        good = read_span(fields.bytes(), spans_[positive]);
        break;
      case histogram::kNegativeDeltas:
        good = read_deltas(fields, deltas_[negative]);
        break;
      case histogram::kPositiveDeltas:
        good = read_deltas(fields, deltas_[positive]);
        break;
      case histogram::kNegativeCounts:
        good = read_reals(fields, counts_[negative]);
        break;
      case histogram::kPositiveCounts:
        good = read_reals(fields, counts_[positive]);
        break;
      case histogram::kResetHint: {
        const uint64_t hint = fields.varint();
        h.reset_hint = hint <= 3 ? static_cast<NativeHistogram::ResetHint>(hint)
                                 : NativeHistogram::ResetHint::unknown;
        break;
      }
      case histogram::kTimestamp:
        made.timestamp = static_cast<int64_t>(fields.varint());
        break;
      case histogram::kCustomValues:
        good = read_reals(fields, custom_values_);
        break;
      case histogram::kStartTimestamp:
        made.created = static_cast<int64_t>(fields.varint());
        break;
      default:
        fields.skip();
    }
  }
  if (!good || !fields.ok()) {
    return kBroken;
  }
  h.negative_spans = keep(arena, spans_[negative]);
  h.positive_spans = keep(arena, spans_[positive]);
  h.negative_deltas = keep(arena, deltas_[negative]);
  h.positive_deltas = keep(arena, deltas_[positive]);
  h.negative_counts = keep(arena, counts_[negative]);
  h.positive_counts = keep(arena, counts_[positive]);
  h.custom_values = keep(arena, custom_values_);
  return check_histogram(h);
}

}  // namespace tailrace::common::prom
