#include "plugins/common/prom/scrape_cache/native_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

#include "codec/proto_reader.h"
#include "codec/varint.h"

namespace tailrace::common::prom {
namespace {

using codec::ProtoReader;
using codec::WireType;

constexpr int32_t kFinest = 8;
constexpr int32_t kCoarsest = -4;

/// A populated bucket; T is int64_t (a count, not a difference) or double.
template <class T>
struct Bucket {
  int64_t index;
  T count;
};
template <class T>
using Buckets = std::vector<Bucket<T>>;

struct RawHistogram {
  NativeHistogram plain;  // without spans and buckets
  struct Side {
    std::vector<BucketSpan> spans;
    std::vector<int64_t> deltas;
    std::vector<double> counts;
  } positive, negative;
};

void read_span(std::string_view message, std::vector<BucketSpan>& spans, bool& ok) {
  ProtoReader reader(message);
  BucketSpan span;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        span.offset = static_cast<int32_t>(codec::unzigzag(reader.varint()));
        break;
      case 2:
        span.length = static_cast<uint32_t>(reader.varint());
        break;
      default:
        reader.skip();
    }
  }
  ok = ok && reader.ok();
  spans.push_back(span);
}

/// Repeated sint64, packed or not.
void read_deltas(ProtoReader& reader, std::vector<int64_t>& deltas, bool& ok) {
  if (reader.wire_type() != WireType::bytes) {
    deltas.push_back(codec::unzigzag(reader.varint()));
    return;
  }
  const std::string_view packed = reader.bytes();
  const char* at = packed.data();
  const char* end = at + packed.size();
  uint64_t value = 0;
  while (at != end && codec::read_varint(at, end, value)) {
    deltas.push_back(codec::unzigzag(value));
  }
  ok = ok && at == end;
}

/// Repeated double, packed or not.
void read_counts(ProtoReader& reader, std::vector<double>& counts, bool& ok) {
  if (reader.wire_type() != WireType::bytes) {
    counts.push_back(std::bit_cast<double>(reader.fixed64()));
    return;
  }
  const std::string_view packed = reader.bytes();
  ok = ok && packed.size() % sizeof(double) == 0;
  const size_t count = packed.size() / sizeof(double);
  const size_t first = counts.size();
  counts.resize(first + count);
  if (count != 0) {
    std::memcpy(&counts[first], packed.data(), count * sizeof(double));
  }
}

bool read_message(std::string_view message, RawHistogram& raw) {
  ProtoReader reader(message);
  NativeHistogram& plain = raw.plain;
  bool ok = true;
  while (reader.next()) {
    const auto real = [&reader] { return std::bit_cast<double>(reader.fixed64()); };
    switch (reader.field()) {
      case 1:
        plain.count = reader.varint();
        break;
      case 2:
        plain.sum = real();
        break;
      case 4:
        plain.count_float = real();
        break;
      case 5:
        plain.schema = static_cast<int32_t>(codec::unzigzag(reader.varint()));
        break;
      case 6:
        plain.zero_threshold = real();
        break;
      case 7:
        plain.zero_count = reader.varint();
        break;
      case 8:
        plain.zero_count_float = real();
        break;
      case 9:
        read_span(reader.bytes(), raw.negative.spans, ok);
        break;
      case 10:
        read_deltas(reader, raw.negative.deltas, ok);
        break;
      case 11:
        read_counts(reader, raw.negative.counts, ok);
        break;
      case 12:
        read_span(reader.bytes(), raw.positive.spans, ok);
        break;
      case 13:
        read_deltas(reader, raw.positive.deltas, ok);
        break;
      case 14:
        read_counts(reader, raw.positive.counts, ok);
        break;
      default:
        reader.skip();
    }
  }
  if (std::isnan(plain.sum)) {
    plain.sum = std::bit_cast<double>(kNormalNan);
  }
  return ok && reader.ok();
}

/// Buckets with something in them. `values` are counts (double) or differences (int64_t). Null
/// text: all is well.
template <class T>
const char* decode(std::span<const BucketSpan> spans, std::span<const T> values, Buckets<T>& out) {
  size_t at = 0;
  int64_t index = 0;
  T count = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    if (i > 0 && spans[i].offset < 0) {
      return "a span with a negative offset";
    }
    index += spans[i].offset;
    if (spans[i].length > values.size() - at) {
      return "spans need more buckets than there are";
    }
    for (uint32_t n = 0; n < spans[i].length; ++n, ++index, ++at) {
      if constexpr (std::is_same_v<T, int64_t>) {
        if (__builtin_add_overflow(count, values[at], &count)) {
          return "a bucket's count is too large";
        }
      } else {
        count = values[at];
      }
      if (!(count >= 0)) {
        return "a bucket with a negative count";
      }
      if (count > 0) {
        out.push_back({index, count});
      }
    }
  }
  return at == values.size() ? nullptr : "more buckets than the spans need";
}

template <class T>
void encode(const Buckets<T>& buckets, Arena& arena, std::span<const BucketSpan>& spans,
            std::span<const T>& values) {
  auto* new_spans = arena.array<BucketSpan>(buckets.size());
  auto* new_values = arena.array<T>(buckets.size());
  size_t span_count = 0;
  T last = 0;
  int64_t next = 0;
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (i == 0 || buckets[i].index != next) {
      new_spans[span_count++] = {static_cast<int32_t>(buckets[i].index - next), 0};
    }
    ++new_spans[span_count - 1].length;
    next = buckets[i].index + 1;
    if constexpr (std::is_same_v<T, int64_t>) {
      new_values[i] = buckets[i].count - last;
    } else {
      new_values[i] = buckets[i].count;
    }
    last = buckets[i].count;
  }
  spans = {new_spans, span_count};
  values = {new_values, buckets.size()};
}

/// Bucket i of a schema lies in bucket ceil(i / 2^by) of the schema that is coarser by `by`.
template <class T>
void merge(Buckets<T>& buckets, int32_t by) {
  size_t kept = 0;
  for (const Bucket<T>& bucket : buckets) {
    const int64_t index = ((bucket.index - 1) >> by) + 1;
    if (kept > 0 && buckets[kept - 1].index == index) {
      buckets[kept - 1].count += bucket.count;
    } else {
      buckets[kept++] = {index, bucket.count};
    }
  }
  buckets.resize(kept);
}

template <class T>
struct Sides {
  Buckets<T> negative;
  Buckets<T> positive;
  size_t size() const noexcept { return negative.size() + positive.size(); }
};

void encode(const Sides<int64_t>& sides, Arena& arena, NativeHistogram& to) {
  encode(sides.negative, arena, to.negative_spans, to.negative_deltas);
  encode(sides.positive, arena, to.positive_spans, to.positive_deltas);
}
void encode(const Sides<double>& sides, Arena& arena, NativeHistogram& to) {
  encode(sides.negative, arena, to.negative_spans, to.negative_counts);
  encode(sides.positive, arena, to.positive_spans, to.positive_counts);
}

const char* wrong_count(const NativeHistogram& histogram, const Sides<int64_t>& sides) {
  uint64_t sum = histogram.zero_count;
  for (const auto* side : {&sides.negative, &sides.positive}) {
    for (const Bucket<int64_t>& bucket : *side) {
      if (__builtin_add_overflow(sum, static_cast<uint64_t>(bucket.count), &sum)) {
        return "the buckets' counts are too large";
      }
    }
  }
  // Observations of NaN are in no bucket.
  const bool good = std::isnan(histogram.sum) ? sum <= histogram.count : sum == histogram.count;
  return good ? nullptr : "the buckets do not add up to the count";
}

template <class T>
bool reduce(NativeHistogram& histogram, Sides<T>& sides, uint64_t limit, int32_t highest_schema,
            Arena& arena) {
  const int32_t by = histogram.schema - std::min(histogram.schema, highest_schema);
  const auto coarser = [&](int32_t steps) {
    merge(sides.negative, steps);
    merge(sides.positive, steps);
    histogram.schema -= steps;
  };
  coarser(by);
  while (limit != 0 && sides.size() > limit) {
    if (histogram.schema <= kCoarsest) {
      return false;
    }
    coarser(1);
  }
  encode(sides, arena, histogram);
  return true;
}

}  // namespace

bool is_native_histogram(std::string_view message) noexcept {
  ProtoReader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case 6:
        if (std::bit_cast<double>(reader.fixed64()) > 0) {
          return true;
        }
        break;
      case 7:
        if (reader.varint() > 0) {
          return true;
        }
        break;
      case 9:
      case 12:
        return true;
      default:
        reader.skip();
    }
  }
  return false;
}

NativeHistogram* read_native_histogram(std::string_view message, bool is_gauge, Arena& arena,
                                       std::string& error) {
  RawHistogram raw;
  if (!read_message(message, raw)) {
    error = "a histogram that is no well-formed message";
    return nullptr;
  }
  auto* result = new (arena.array<NativeHistogram>(1)) NativeHistogram(raw.plain);
  result->is_float = raw.plain.count_float > 0 || raw.plain.zero_count_float > 0;
  result->reset_hint =
      is_gauge ? NativeHistogram::ResetHint::gauge : NativeHistogram::ResetHint::unknown;
  if (result->schema < kCoarsest || result->schema > kFinest) {
    error = "a native histogram of schema " + std::to_string(result->schema);
    return nullptr;
  }
  const auto read = [&](auto& sides, const auto& negative, const auto& positive) -> const char* {
    using T = typename std::decay_t<decltype(negative)>::value_type;
    const char* bad = decode<T>(raw.negative.spans, std::span<const T>(negative), sides.negative);
    return bad != nullptr
               ? bad
               : decode<T>(raw.positive.spans, std::span<const T>(positive), sides.positive);
  };
  const char* bad = nullptr;
  if (result->is_float) {
    result->count = result->zero_count = 0;
    Sides<double> sides;
    bad = read(sides, raw.negative.counts, raw.positive.counts);
    bad = bad == nullptr && !(result->count_float >= 0 && result->zero_count_float >= 0)
              ? "a negative count"
              : bad;
    encode(sides, arena, *result);
  } else {
    result->count_float = result->zero_count_float = 0;
    Sides<int64_t> sides;
    bad = read(sides, raw.negative.deltas, raw.positive.deltas);
    bad = bad != nullptr ? bad : wrong_count(*result, sides);
    encode(sides, arena, *result);
  }
  if (bad != nullptr) {
    error = std::string("a native histogram with ") + bad;
    return nullptr;
  }
  return result;
}

uint64_t bucket_count(const NativeHistogram& histogram) noexcept {
  return histogram.negative_deltas.size() + histogram.positive_deltas.size() +
         histogram.negative_counts.size() + histogram.positive_counts.size();
}

bool reduce_resolution(NativeHistogram& histogram, uint64_t limit, int32_t highest_schema,
                       Arena& arena) {
  if (histogram.schema <= highest_schema && (limit == 0 || bucket_count(histogram) <= limit)) {
    return true;
  }
  if (histogram.is_float) {
    Sides<double> sides;
    decode<double>(histogram.negative_spans, histogram.negative_counts, sides.negative);
    decode<double>(histogram.positive_spans, histogram.positive_counts, sides.positive);
    return reduce(histogram, sides, limit, highest_schema, arena);
  }
  Sides<int64_t> sides;
  decode<int64_t>(histogram.negative_spans, histogram.negative_deltas, sides.negative);
  decode<int64_t>(histogram.positive_spans, histogram.positive_deltas, sides.positive);
  return reduce(histogram, sides, limit, highest_schema, arena);
}

int32_t highest_schema_for(double min_bucket_factor) noexcept {
  if (min_bucket_factor <= 1) {
    return kFinest;
  }
  const double schema = std::floor(-std::log2(std::log2(min_bucket_factor)));
  return schema >= kFinest     ? kFinest
         : schema <= kCoarsest ? kCoarsest
                               : static_cast<int32_t>(schema);
}

}  // namespace tailrace::common::prom
