#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/growing_buffer.h"
#include "plugins/common/prom/remote_write.h"
#include "plugins/common/prom/series_row.h"
#include "plugins/common/prom/symbol_table.h"

namespace tailrace::common::prom {

/// Most that a row takes in 1.0 beside its labels and its exemplars: tags, lengths, one sample.
inline constexpr size_t kRowOverheadV1 = 36;

/// Appends the TimeSeries of `rows` (all of one series, see SeriesRow::joins) as remote write 1.0's
/// WriteRequest.timeseries. Created timestamps and metadata have no place there.
void write_series_v1(codec::GrowingBuffer& to, std::span<const SeriesRow> rows);
/// Bytes that write_series_v1 appends.
size_t series_size_v1(std::span<const SeriesRow> rows) noexcept;

/// Appends a MetricMetadata as WriteRequest.metadata.
void write_metadata_v1(codec::GrowingBuffer& to, const MetricFamily& family);

/// Writes TimeSeries of remote write 2.0, whose texts go to a table of symbols.
///
/// Neighbours share most of their labels, so each label is first compared with the one in its place
/// in the series before; only what differs is looked up.
/// Lifetime: begin_run() forgets the series before; what it was given must live until then.
class SeriesWriterV2 {
 public:
  /// Most that the rows of one series can add to the body, symbols included, when `before` was
  /// written ahead of it (empty: nothing).
  static size_t bound(std::span<const SeriesRow> rows, const SeriesRow* before) noexcept;

  void begin_run() noexcept;
  void write(codec::GrowingBuffer& to, SymbolTable& symbols, std::span<const SeriesRow> rows);

 private:
  void find_label_refs(SymbolTable& symbols, std::string_view labels);
  void find_family_refs(SymbolTable& symbols, const MetricFamily* family);

  struct Refs {
    uint32_t name;
    uint32_t value;
  };
  std::string_view before_;  // the labels that refs_ is of
  std::vector<Refs> refs_;
  std::vector<Refs> next_refs_;
  const MetricFamily* family_ = nullptr;
  uint32_t type_ = 0;
  uint32_t help_ref_ = 0;
  uint32_t unit_ref_ = 0;
  std::vector<uint32_t> exemplar_refs_;
};

/// MetricMetadata.MetricType of both versions.
uint32_t wire_type(MetricType type) noexcept;
MetricType metric_type(uint64_t wire) noexcept;

}  // namespace tailrace::common::prom
