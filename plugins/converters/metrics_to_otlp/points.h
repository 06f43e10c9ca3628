#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/metric_batch.h"

/// Encodes data points of OTLP.
namespace tailrace::converters::metrics_to_otlp {

/// What every point has.
struct PointHead {
  std::string_view attributes;  ///< Whole fields, with the number that the kind of point has.
  int64_t time_ms = 0;
  int64_t created_ms = 0;           ///< 0: not known.
  std::string_view exemplars = {};  ///< Exemplar messages, each as append_exemplar() made it.
};

/// A sample; `bits` may be kStaleNan.
void encode_number(const PointHead& head, uint64_t bits, std::string& out);

/// The rows of a histogram or a summary with the same labels and time.
struct RowGroup {
  std::optional<uint64_t> count;  ///< As bits, like sum.
  std::optional<uint64_t> sum;
  std::vector<std::pair<double, uint64_t>> bounds;  ///< Buckets or quantiles, and their values.
};
/// False when they do not make one: something is missing, or counts are not what counts can be.
/// Sorts the group's bounds.
bool encode_histogram(const PointHead& head, RowGroup& group, std::string& out);
bool encode_summary(const PointHead& head, RowGroup& group, std::string& out);

/// Returns null, or why it has no form in OTLP: a label for metrics.
const char* encode_native(const PointHead& head, const NativeHistogram& histogram,
                          std::string& out);

/// Appends an Exemplar message, behind a varint of its length.
void append_exemplar(const ExemplarRow& exemplar, std::string& out);

}  // namespace tailrace::converters::metrics_to_otlp
