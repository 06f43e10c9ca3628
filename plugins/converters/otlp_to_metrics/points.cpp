#include "plugins/converters/otlp_to_metrics/points.h"

#include <bit>
#include <cstring>

#include "codec/proto_reader.h"
#include "codec/varint.h"
#include "plugins/common/otlp/schema.h"
#include "plugins/common/otlp/value_text.h"

namespace tailrace::converters::otlp_to_metrics {

namespace otlp = common::otlp;
using codec::ProtoReader;

namespace {

bool is_end(uint64_t flags) noexcept {
  return (flags & otlp::point::kNoRecordedValue) != 0;
}

double real(ProtoReader& reader) noexcept {
  return std::bit_cast<double>(reader.fixed64());
}

template <class T>
void append_fixed64s(std::string_view packed, std::vector<T>& to) {
  for (; packed.size() >= sizeof(uint64_t); packed.remove_prefix(sizeof(uint64_t))) {
    T value{};
    std::memcpy(&value, packed.data(), sizeof value);
    to.push_back(value);
  }
}

void read_head_of_data(MetricHead& head) noexcept {
  ProtoReader reader(head.data);
  while (reader.next()) {
    if (head.has_temporality() && reader.field() == otlp::metric_data::kTemporality) {
      const uint64_t value = reader.varint();
      head.temporality = value <= 2 ? static_cast<Temporality>(value) : Temporality::unspecified;
    } else if (head.kind == Kind::sum && reader.field() == otlp::metric_data::kIsMonotonic) {
      head.is_monotonic = reader.varint() != 0;
    } else {
      reader.skip();
    }
  }
}

Kind kind_of(uint32_t field) noexcept {
  switch (field) {
    case otlp::metric::kGauge:
      return Kind::gauge;
    case otlp::metric::kSum:
      return Kind::sum;
    case otlp::metric::kHistogram:
      return Kind::histogram;
    case otlp::metric::kExponentialHistogram:
      return Kind::exponential;
    case otlp::metric::kSummary:
      return Kind::summary;
    default:
      return Kind::none;
  }
}

void read_number(ProtoReader& reader, Point& point) {
  switch (reader.field()) {
    case otlp::number_point::kAsDouble:
      point.value = real(reader);
      break;
    case otlp::number_point::kAsInt:
      point.value = static_cast<double>(static_cast<int64_t>(reader.fixed64()));
      break;
    case otlp::number_point::kExemplars:
      point.exemplars.push_back(reader.bytes());
      break;
    case otlp::number_point::kAttributes:
      point.attributes.push_back(reader.bytes());
      break;
    case otlp::number_point::kFlags:
      point.is_stale = is_end(reader.varint());
      break;
    default:
      reader.skip();
  }
}

void read_histogram(ProtoReader& reader, Point& point) {
  switch (reader.field()) {
    case otlp::histogram_point::kCount:
      point.count = reader.fixed64();
      break;
    case otlp::histogram_point::kSum:
      point.sum = real(reader);
      break;
    case otlp::histogram_point::kBucketCounts:
      append_fixed64s(reader.bytes(), point.counts);
      break;
    case otlp::histogram_point::kExplicitBounds:
      append_fixed64s(reader.bytes(), point.bounds);
      break;
    case otlp::histogram_point::kExemplars:
      point.exemplars.push_back(reader.bytes());
      break;
    case otlp::histogram_point::kAttributes:
      point.attributes.push_back(reader.bytes());
      break;
    case otlp::histogram_point::kFlags:
      point.is_stale = is_end(reader.varint());
      break;
    default:
      reader.skip();
  }
}

void read_buckets(std::string_view message, Buckets& to) {
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() == otlp::exponential_buckets::kOffset) {
      to.offset = codec::unzigzag(reader.varint());
    } else if (reader.field() == otlp::exponential_buckets::kBucketCounts) {
      const std::string_view packed = reader.bytes();
      const char* at = packed.data();
      const char* const end = at + packed.size();
      for (uint64_t count = 0; codec::read_varint(at, end, count);) {
        to.counts.push_back(count);
      }
    } else {
      reader.skip();
    }
  }
}

void read_exponential(ProtoReader& reader, Point& point) {
  switch (reader.field()) {
    case otlp::exponential_point::kAttributes:
      point.attributes.push_back(reader.bytes());
      break;
    case otlp::exponential_point::kCount:
      point.count = reader.fixed64();
      break;
    case otlp::exponential_point::kSum:
      point.sum = real(reader);
      break;
    case otlp::exponential_point::kScale:
      point.scale = codec::unzigzag(reader.varint());
      break;
    case otlp::exponential_point::kZeroCount:
      point.zero_count = reader.fixed64();
      break;
    case otlp::exponential_point::kPositive:
      read_buckets(reader.bytes(), point.positive);
      break;
    case otlp::exponential_point::kNegative:
      read_buckets(reader.bytes(), point.negative);
      break;
    case otlp::exponential_point::kFlags:
      point.is_stale = is_end(reader.varint());
      break;
    case otlp::exponential_point::kExemplars:
      point.exemplars.push_back(reader.bytes());
      break;
    case otlp::exponential_point::kZeroThreshold:
      point.zero_threshold = real(reader);
      break;
    default:
      reader.skip();
  }
}

std::pair<double, double> read_quantile(std::string_view message) noexcept {
  std::pair<double, double> quantile{};
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() == otlp::quantile_value::kQuantile) {
      quantile.first = real(reader);
    } else if (reader.field() == otlp::quantile_value::kValue) {
      quantile.second = real(reader);
    } else {
      reader.skip();
    }
  }
  return quantile;
}

void read_summary(ProtoReader& reader, Point& point) {
  switch (reader.field()) {
    case otlp::summary_point::kCount:
      point.count = reader.fixed64();
      break;
    case otlp::summary_point::kSum:
      point.sum = real(reader);
      break;
    case otlp::summary_point::kQuantileValues:
      point.quantiles.push_back(read_quantile(reader.bytes()));
      break;
    case otlp::summary_point::kAttributes:
      point.attributes.push_back(reader.bytes());
      break;
    case otlp::summary_point::kFlags:
      point.is_stale = is_end(reader.varint());
      break;
    default:
      reader.skip();
  }
}

void clear(Point& point) noexcept {
  point.start = point.time = point.count = point.zero_count = 0;
  point.is_stale = false;
  point.value = point.zero_threshold = 0;
  point.sum.reset();
  point.scale = point.positive.offset = point.negative.offset = 0;
  point.counts.clear();
  point.bounds.clear();
  point.positive.counts.clear();
  point.negative.counts.clear();
  point.quantiles.clear();
  point.attributes.clear();
  point.exemplars.clear();
}

}  // namespace

MetricHead read_metric(std::string_view message) noexcept {
  MetricHead head;
  ProtoReader reader(message);
  while (reader.next()) {
    const uint32_t field = reader.field();
    if (field == otlp::metric::kName) {
      head.name = reader.bytes();
    } else if (field == otlp::metric::kDescription) {
      head.description = reader.bytes();
    } else if (field == otlp::metric::kUnit) {
      head.unit = reader.bytes();
    } else if (field == otlp::metric::kMetadata) {
      const otlp::KeyValue pair = otlp::read_key_value(reader.bytes());
      if (pair.key == "prometheus.type" && pair.value.kind == otlp::any_value::kString) {
        head.prometheus_type = pair.value.bytes;
      }
    } else if (const Kind kind = kind_of(field); kind != Kind::none) {
      head.kind = kind;
      head.data = reader.bytes();
    } else {
      reader.skip();
    }
  }
  read_head_of_data(head);
  return head;
}

void read_point(Kind kind, std::string_view message, Point& point) {
  clear(point);
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() == otlp::point::kTime) {
      point.time = reader.fixed64();
    } else if (reader.field() == otlp::point::kStartTime) {
      point.start = reader.fixed64();
    } else if (kind == Kind::gauge || kind == Kind::sum) {
      read_number(reader, point);
    } else if (kind == Kind::histogram) {
      read_histogram(reader, point);
    } else if (kind == Kind::exponential) {
      read_exponential(reader, point);
    } else {
      read_summary(reader, point);
    }
  }
}

uint64_t time_of_point(std::string_view message) noexcept {
  uint64_t time = 0;
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() == otlp::point::kTime) {
      time = reader.fixed64();
    } else {
      reader.skip();
    }
  }
  return time;
}

}  // namespace tailrace::converters::otlp_to_metrics
