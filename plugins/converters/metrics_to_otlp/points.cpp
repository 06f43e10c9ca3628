#include "plugins/converters/metrics_to_otlp/points.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <span>

#include "codec/varint.h"
#include "plugins/common/otlp/append_fields.h"
#include "plugins/common/otlp/hex_id.h"
#include "plugins/common/prom/remote_write.h"

namespace tailrace::converters::metrics_to_otlp {

namespace otlp = common::otlp;
using otlp::append_double;
using otlp::append_field;
using otlp::append_fixed64;
using otlp::append_varint;

namespace {

constexpr int64_t kMostBuckets = 16'384;
/// The largest count that a double holds exactly, with all below it.
constexpr double kMostCount = 9007199254740992;

uint64_t to_ns(int64_t ms) noexcept {
  return static_cast<uint64_t>(std::max<int64_t>(ms, 0)) * 1'000'000;
}

void append_times(const PointHead& head, std::string& out) {
  if (head.created_ms > 0) {
    append_fixed64(out, otlp::point::kStartTime, to_ns(head.created_ms));
  }
  append_fixed64(out, otlp::point::kTime, to_ns(head.time_ms));
}

void append_exemplars(std::string_view exemplars, uint32_t field, std::string& out) {
  const char* at = exemplars.data();
  const char* const end = at + exemplars.size();
  for (uint64_t size = 0; codec::read_varint(at, end, size); at += size) {
    append_field(out, field, {at, static_cast<size_t>(size)});
  }
}

std::optional<uint64_t> count_of(uint64_t bits) noexcept {
  const auto value = std::bit_cast<double>(bits);
  if (!(value >= 0 && value <= kMostCount) || value != std::floor(value)) {
    return std::nullopt;
  }
  return static_cast<uint64_t>(value);
}

template <class T>
void append_packed(std::string& out, uint32_t field, const std::vector<T>& values) {
  static_assert(sizeof(T) == sizeof(uint64_t));
  append_field(out, field,
               {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
}

bool is_stale(const RowGroup& group) noexcept {
  return group.count == kStaleNan && group.sum.value_or(kStaleNan) == kStaleNan &&
         std::ranges::all_of(group.bounds,
                             [](const auto& bound) { return bound.second == kStaleNan; });
}

struct Dense {
  int64_t offset = 0;
  std::vector<uint64_t> counts;
};

/// The counts of populated buckets, without the gaps; false when they are more than we take, or
/// none that counts can be. `adjust`: from indices of upper bounds to those of lower ones.
bool spread(std::span<const BucketSpan> spans, const NativeHistogram& histogram, bool positive,
            int64_t adjust, Dense& out) {
  const auto deltas = positive ? histogram.positive_deltas : histogram.negative_deltas;
  const auto floats = positive ? histogram.positive_counts : histogram.negative_counts;
  int64_t index = 0;
  uint64_t count = 0;
  size_t next = 0;
  for (const BucketSpan& span : spans) {
    index += span.offset;
    if (out.counts.empty()) {
      out.offset = index - adjust;
    }
    const int64_t width = index - adjust - out.offset + static_cast<int64_t>(span.length);
    if (width < static_cast<int64_t>(out.counts.size()) || width > kMostBuckets) {
      return false;
    }
    out.counts.resize(static_cast<size_t>(width), 0);
    for (uint32_t i = 0; i < span.length; ++i, ++next) {
      uint64_t& to = out.counts[out.counts.size() - span.length + i];
      if (histogram.is_float) {
        const auto exact =
            next < floats.size() ? count_of(std::bit_cast<uint64_t>(floats[next])) : std::nullopt;
        if (!exact) {
          return false;
        }
        to = *exact;
      } else {
        count += next < deltas.size() ? static_cast<uint64_t>(deltas[next]) : 0;
        to = count;
      }
    }
    index += span.length;
  }
  return true;
}

void append_buckets(std::string& out, uint32_t field, const Dense& dense) {
  if (dense.counts.empty()) {
    return;
  }
  std::string counts;
  char room[codec::kMaxVarintBytes];
  for (const uint64_t count : dense.counts) {
    counts.append(room, codec::write_varint(room, count));
  }
  std::string message;
  append_varint(message, otlp::exponential_buckets::kOffset, codec::zigzag(dense.offset));
  append_field(message, otlp::exponential_buckets::kBucketCounts, counts);
  append_field(out, field, message);
}

bool totals_of(const NativeHistogram& histogram, uint64_t& count, uint64_t& zero_count) noexcept {
  if (!histogram.is_float) {
    count = histogram.count;
    zero_count = histogram.zero_count;
    return true;
  }
  const auto all = count_of(std::bit_cast<uint64_t>(histogram.count_float));
  const auto zero = count_of(std::bit_cast<uint64_t>(histogram.zero_count_float));
  count = all.value_or(0);
  zero_count = zero.value_or(0);
  return all && zero;
}

const char* encode_custom(const PointHead& head, const NativeHistogram& histogram, uint64_t count,
                          std::string& out) {
  Dense dense;
  if (!spread(histogram.positive_spans, histogram, true, 0, dense) || dense.offset < 0 ||
      dense.offset + static_cast<int64_t>(dense.counts.size()) >
          static_cast<int64_t>(histogram.custom_values.size()) + 1) {
    return "histogram_buckets";
  }
  std::vector<uint64_t> counts(histogram.custom_values.size() + 1);
  std::ranges::copy(dense.counts, counts.begin() + dense.offset);
  append_times(head, out);
  append_fixed64(out, otlp::histogram_point::kCount, count);
  append_double(out, otlp::histogram_point::kSum, histogram.sum);
  append_packed(out, otlp::histogram_point::kBucketCounts, counts);
  append_packed(
      out, otlp::histogram_point::kExplicitBounds,
      std::vector<double>(histogram.custom_values.begin(), histogram.custom_values.end()));
  append_exemplars(head.exemplars, otlp::histogram_point::kExemplars, out);
  out.append(head.attributes);
  return nullptr;
}

}  // namespace

void encode_number(const PointHead& head, uint64_t bits, std::string& out) {
  append_times(head, out);
  if (bits != kStaleNan) {
    append_fixed64(out, otlp::number_point::kAsDouble, bits);
  }
  append_exemplars(head.exemplars, otlp::number_point::kExemplars, out);
  out.append(head.attributes);
  if (bits == kStaleNan) {
    append_varint(out, otlp::number_point::kFlags, otlp::point::kNoRecordedValue);
  }
}

bool encode_histogram(const PointHead& head, RowGroup& group, std::string& out) {
  std::ranges::sort(group.bounds);
  if (is_stale(group)) {
    append_times(head, out);
    out.append(head.attributes);
    append_varint(out, otlp::histogram_point::kFlags, otlp::point::kNoRecordedValue);
    return true;
  }
  const auto count = group.count ? count_of(*group.count) : std::nullopt;
  if (!count || group.bounds.empty() || group.bounds.back().first != HUGE_VAL) {
    return false;
  }
  std::vector<double> bounds;
  std::vector<uint64_t> counts;
  uint64_t before = 0;
  for (const auto& [bound, bits] : group.bounds) {
    const auto so_far = count_of(bits);
    const bool is_next = bounds.empty() || bounds.back() < bound;
    if (!so_far || *so_far < before || !is_next) {
      return false;
    }
    bounds.push_back(bound);
    counts.push_back(*so_far - before);
    before = *so_far;
  }
  if (before != *count) {
    return false;
  }
  bounds.pop_back();  // +Inf
  append_times(head, out);
  append_fixed64(out, otlp::histogram_point::kCount, *count);
  if (group.sum) {
    append_fixed64(out, otlp::histogram_point::kSum, *group.sum);
  }
  append_packed(out, otlp::histogram_point::kBucketCounts, counts);
  append_packed(out, otlp::histogram_point::kExplicitBounds, bounds);
  append_exemplars(head.exemplars, otlp::histogram_point::kExemplars, out);
  out.append(head.attributes);
  return true;
}

bool encode_summary(const PointHead& head, RowGroup& group, std::string& out) {
  std::ranges::sort(group.bounds);
  const bool ended = is_stale(group);
  const auto count = group.count ? count_of(*group.count) : std::nullopt;
  if (!ended && !count) {
    return false;
  }
  append_times(head, out);
  if (!ended) {
    append_fixed64(out, otlp::summary_point::kCount, *count);
    append_fixed64(out, otlp::summary_point::kSum, group.sum.value_or(0));
    for (const auto& [quantile, bits] : group.bounds) {
      std::string message;
      append_double(message, otlp::quantile_value::kQuantile, quantile);
      append_fixed64(message, otlp::quantile_value::kValue, bits);
      append_field(out, otlp::summary_point::kQuantileValues, message);
    }
  }
  out.append(head.attributes);
  if (ended) {
    append_varint(out, otlp::summary_point::kFlags, otlp::point::kNoRecordedValue);
  }
  return true;
}

const char* encode_native(const PointHead& head, const NativeHistogram& histogram,
                          std::string& out) {
  if (histogram.reset_hint == NativeHistogram::ResetHint::gauge) {
    return "gauge_histogram";
  }
  const bool is_custom = histogram.schema == common::prom::kCustomBuckets;
  if (std::bit_cast<uint64_t>(histogram.sum) == kStaleNan) {
    append_times(head, out);
    out.append(head.attributes);
    append_varint(out, is_custom ? otlp::histogram_point::kFlags : otlp::exponential_point::kFlags,
                  otlp::point::kNoRecordedValue);
    return nullptr;
  }
  uint64_t count = 0;
  uint64_t zero_count = 0;
  if (!totals_of(histogram, count, zero_count)) {
    return "float_histogram";
  }
  if (is_custom) {
    return encode_custom(head, histogram, count, out);
  }
  Dense positive;
  Dense negative;
  if (!spread(histogram.positive_spans, histogram, true, 1, positive) ||
      !spread(histogram.negative_spans, histogram, false, 1, negative)) {
    return "histogram_buckets";
  }
  out.append(head.attributes);
  append_times(head, out);
  append_fixed64(out, otlp::exponential_point::kCount, count);
  append_double(out, otlp::exponential_point::kSum, histogram.sum);
  append_varint(out, otlp::exponential_point::kScale, codec::zigzag(histogram.schema));
  append_fixed64(out, otlp::exponential_point::kZeroCount, zero_count);
  append_buckets(out, otlp::exponential_point::kPositive, positive);
  append_buckets(out, otlp::exponential_point::kNegative, negative);
  append_exemplars(head.exemplars, otlp::exponential_point::kExemplars, out);
  append_double(out, otlp::exponential_point::kZeroThreshold, histogram.zero_threshold);
  return nullptr;
}

void append_exemplar(const ExemplarRow& exemplar, std::string& out) {
  std::string message;
  if (exemplar.timestamp > 0) {
    append_fixed64(message, otlp::exemplar::kTime, to_ns(exemplar.timestamp));
  }
  append_double(message, otlp::exemplar::kAsDouble, exemplar.value);
  for (const Label& label : exemplar.labels) {
    std::array<char, otlp::kTraceIdBytes> trace;
    std::array<char, otlp::kSpanIdBytes> span;
    if (label.name == "trace_id" && otlp::read_hex_id(label.value, trace)) {
      append_field(message, otlp::exemplar::kTraceId, {trace.data(), trace.size()});
    } else if (label.name == "span_id" && otlp::read_hex_id(label.value, span)) {
      append_field(message, otlp::exemplar::kSpanId, {span.data(), span.size()});
    } else {
      otlp::append_text_attribute(message, otlp::exemplar::kFilteredAttributes, label.name,
                                  label.value);
    }
  }
  char room[codec::kMaxVarintBytes];
  out.append(room, codec::write_varint(room, message.size()));
  out.append(message);
}

}  // namespace tailrace::converters::metrics_to_otlp
