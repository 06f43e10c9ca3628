#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "codec/proto_reader.h"
#include "plugins/common/prom/scrape_cache/page.h"

/// What the readers of the protobuf format share.
namespace tailrace::common::prom {

enum ProtoType : uint64_t {
  kCounter = 0,
  kGauge = 1,
  kSummary = 2,
  kUntyped = 3,
  kHistogram = 4,
  kGaugeHistogram = 5
};

inline uint64_t value_bits(double value) noexcept {
  return std::isnan(value) ? kNormalNan : std::bit_cast<uint64_t>(value);
}

inline double read_double(codec::ProtoReader& reader) noexcept {
  return std::bit_cast<double>(reader.fixed64());
}

/// google.protobuf.Timestamp in ms.
inline int64_t timestamp_ms(std::string_view message) noexcept {
  codec::ProtoReader reader(message);
  uint64_t seconds = 0;
  uint64_t nanos = 0;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        seconds = reader.varint();
        break;
      case 2:
        nanos = reader.varint();
        break;
      default:
        reader.skip();
    }
  }
  return static_cast<int64_t>(seconds * 1000) +
         static_cast<int32_t>(static_cast<uint32_t>(nanos)) / 1'000'000;
}

/// What stands in front of a family's metrics.
struct ScrapeCache::Impl::FamilyHead {
  std::string_view name;
  std::string_view help;
  std::string_view unit;
  uint64_t type = 0;
  size_t metrics = 0;
};

/// A Metric message; of counter, gauge … the content of whichever field the family's type wants.
struct ScrapeCache::Impl::Metric {
  std::vector<Label>& labels;
  std::string_view content;
  int64_t timestamp = 0;
  int64_t created = 0;

  FoundSample sample(double value) const noexcept {
    return {value_bits(value), timestamp != 0, timestamp, created, nullptr};
  }
};

}  // namespace tailrace::common::prom
