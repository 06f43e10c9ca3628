#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tailrace/metric_batch.h"
#include "tailrace/output.h"

#include "codec/growing_buffer.h"
#include "plugins/common/prom/series_writer.h"
#include "plugins/outputs/prometheus_remote_write/body_memory.h"

namespace tailrace::outputs::prometheus_remote_write {

/// Writes samples as 1.0's TimeSeries, each with the labels that its series has: behind each other
/// into `to`. `bound` is at least what they take: their labels and kRowOverheadV1 each.
void write_samples(codec::GrowingBuffer& to, const MetricSeries* const* series,
                   const int64_t* timestamps, const uint64_t* values, uint32_t count, size_t bound);

/// An open write request, of the version that was current when it was begun.
///
///   body.begin_part(part);
///   body.append_samples(…); or body.append_rows(…);
///   body.end_part();
class WriteBody final : public RequestBody {
 public:
  /// `full_at`: a body that has so many records says that it is full; 0 = any number.
  explicit WriteBody(std::shared_ptr<BodyMemory> memory, uint32_t full_at = 0)
      : memory_(std::move(memory)), full_at_(full_at) {}

  /// Begins the body if it is empty.
  common::prom::WriteVersion version();

  void begin_part(uint32_t part);
  /// 1.0 only; see write_samples().
  void append_samples(const MetricSeries* const* series, const int64_t* timestamps,
                      const uint64_t* values, uint32_t count, size_t bound);
  void append_rows(std::span<const common::prom::SeriesRow> rows);
  void end_part();
  /// 1.0 only; belongs to no part.
  void append_metadata(const MetricFamily& family);

  size_t bytes() const noexcept override;
  Bytes seal(std::span<PartRange> parts) override;

 private:
  struct Piece {
    uint32_t offset;
    uint32_t length;
  };

  std::shared_ptr<BodyMemory> memory_;
  uint32_t full_at_;
  uint64_t records_ = 0;
  bool begun_ = false;
  common::prom::WriteVersion version_ = common::prom::WriteVersion::v1;
  codec::GrowingBuffer series_;
  codec::GrowingBuffer metadata_;        // of 1.0
  common::prom::SymbolTable symbols_;    // of 2.0
  common::prom::SeriesWriterV2 writer_;  // of 2.0
  std::vector<Piece> pieces_;            // by part
  uint32_t open_offset_ = 0;
};

}  // namespace tailrace::outputs::prometheus_remote_write
