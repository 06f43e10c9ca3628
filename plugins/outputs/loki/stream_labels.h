#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tailrace/labels.h"

#include "plugins/outputs/loki/loki_config.h"

namespace tailrace::outputs::loki {

/// What this output keeps with a label set: computed when the stream is first seen.
struct StreamLabels final : LabelAttachment {
  /// StreamAdapter's `labels` field, encoded.
  std::string field;
  std::string tenant;
  /// Names the stream; the same in every run.
  uint64_t order_hash = 0;

  // Where the stream lies in the body that it was last written to; see PushBody::begin_piece.
  uint64_t fill = 0;
  uint32_t index = 0;
};

/// Loki's view of a label set: the tenant's label taken out, names in Loki's characters, values in
/// UTF-8, external labels where the set has none of that name.
std::unique_ptr<StreamLabels> make_stream_labels(const Labels& labels, const LokiConfig& config);

/// A tenant that Loki takes: other characters are replaced by `_`, what is too long is cut.
/// Source: Loki's multi-tenancy.md.
std::string clean_tenant(std::string_view tenant);

}  // namespace tailrace::outputs::loki
