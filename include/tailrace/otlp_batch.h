#pragma once

#include <cstdint>
#include <string_view>

#include "tailrace/batch.h"

namespace tailrace {

/// OpenTelemetry data of one signal as it was received: protobuf that is passed on as bytes.
///
/// Shape:    `size` resources as a structure of arrays. `resources[i]` is one encoded
/// ResourceSpans,
///           ResourceLogs or ResourceMetrics message, without its tag and length. A request is
///           their concatenation, each as field 1.
/// Checked:  whoever makes a batch has checked it whole: every length and wire type of the known
///           fields, nesting, and the lengths of ids. So readers need not expect broken ones (but
///           must not trust them with memory).
/// Weight:   records are spans, log records or data points; bytes those of the source that the
///           resource came in. A processor that drops records of a resource takes them, and their
///           share of the bytes, off, and reports them as filtered; a resource without any records
///           left is taken out.
/// Lifetime: arrays and bytes live with the input or in the lane's arena, until the call returns.
///           Processors may edit the arrays (drop resources by moving the later ones up, point a
///           resource at other bytes in the arena) but never the bytes.
class OtlpBatch final : public Batch {
 public:
  static const BatchType kTraces;
  static const BatchType kLogs;
  static const BatchType kMetrics;
  static const BatchType& type_of(Signal signal) noexcept;
  explicit OtlpBatch(Signal signal) noexcept : Batch(type_of(signal)) {}

  uint32_t size = 0;
  std::string_view* resources = nullptr;
  uint32_t* records = nullptr;
  uint32_t* source_bytes = nullptr;

  Weight weight() const noexcept override;
  Batch* copy_views(Arena& arena) const override;

  Weight resource_weight(uint32_t i) const noexcept { return {records[i], source_bytes[i]}; }
  /// Moves resource `from` to place `to` in every array (to <= from).
  void move_resource(uint32_t from, uint32_t to) noexcept {
    resources[to] = resources[from];
    records[to] = records[from];
    source_bytes[to] = source_bytes[from];
  }
};

/// The batch as an OtlpBatch of any signal when it is one, else null.
inline OtlpBatch* otlp_cast(Batch& batch) noexcept {
  return &batch.type() == &OtlpBatch::type_of(batch.signal()) ? static_cast<OtlpBatch*>(&batch)
                                                              : nullptr;
}
inline const OtlpBatch* otlp_cast(const Batch& batch) noexcept {
  return &batch.type() == &OtlpBatch::type_of(batch.signal())
             ? static_cast<const OtlpBatch*>(&batch)
             : nullptr;
}

}  // namespace tailrace
