#pragma once

#include <cstdint>
#include <string_view>

#include "tailrace/batch.h"
#include "tailrace/labels.h"

namespace tailrace {

/// OpenTelemetry severity numbers (1–24); 0 = not known.
/// Source: OTLP logs data model, SeverityNumber.
enum class Severity : uint8_t {
  unset = 0,
  trace = 1,
  debug = 5,
  info = 9,
  warn = 13,
  error = 17,
  fatal = 21
};
/// "trace" … "fatal" for the range that a number lies in; "" for unset.
std::string_view to_string(Severity severity) noexcept;

/// One pair of structured metadata.
struct MetaPair {
  std::string_view name;
  std::string_view value;
};

struct MetaSpan {
  const MetaPair* pairs = nullptr;
  uint32_t count = 0;
};

/// Log records of one stream, as a structure of arrays of `size` entries each.
///
/// Shape:    records in the order of their source; `timestamps` need not rise.
/// Units:    timestamps in ns since the Unix epoch; source_bytes as read from the source,
///           including framing.
/// Padding:  every body that is not empty is followed by kBlockPadding readable bytes, so that SIMD
///           code may read past its end: it lies in the block or in the lane's arena, and both are
///           padded at their ends. Whoever points a body elsewhere keeps this up.
/// Lifetime: arrays and bytes live in the block or the lane's arena, until the call returns.
///           Processors may edit the arrays (drop records by moving the later ones up, point
///           bodies elsewhere) but never the bytes.
class LogBatch final : public Batch {
 public:
  static const BatchType kType;
  LogBatch() noexcept : Batch(kType) {}

  const Labels* labels = nullptr;  ///< The stream. The caller holds a LabelsPtr meanwhile.
  uint32_t size = 0;
  int64_t* timestamps = nullptr;
  std::string_view* bodies = nullptr;
  uint32_t* source_records = nullptr;  ///< Weight of each: source lines. Null: 1 each.
  uint32_t* source_bytes = nullptr;    ///< Weight of each: source bytes.
  Severity* severities = nullptr;      ///< Null: none is known.
  MetaSpan* metadata = nullptr;        ///< Null: none has any.

  Weight weight() const noexcept override;
  Batch* copy_views(Arena& arena) const override;

  /// Adds the arrays that a processor is about to fill, if they are not there yet.
  void ensure_severities(Arena& arena);
  void ensure_metadata(Arena& arena);
  /// Moves record `from` to place `to` in every array (to <= from).
  void move_record(uint32_t from, uint32_t to) noexcept {
    timestamps[to] = timestamps[from];
    bodies[to] = bodies[from];
    source_bytes[to] = source_bytes[from];
    if (source_records != nullptr) {
      source_records[to] = source_records[from];
    }
    if (severities != nullptr) {
      severities[to] = severities[from];
    }
    if (metadata != nullptr) {
      metadata[to] = metadata[from];
    }
  }
  Weight record_weight(uint32_t i) const noexcept {
    return {source_records != nullptr ? source_records[i] : 1, source_bytes[i]};
  }
};

}  // namespace tailrace
