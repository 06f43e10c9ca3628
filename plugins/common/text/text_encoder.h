#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "tailrace/labels.h"
#include "tailrace/log_batch.h"
#include "tailrace/output.h"

#include "plugins/common/text/text_format.h"

namespace tailrace::common::text {

/// Encodes log batches as text, for outputs that write somewhere local: the payload is the text.
///
/// Shape: records in order, one part per batch, or several where one would outgrow a request. All
///        of them are of one tenant and one order key, so everything is written in one row.
/// Lane:  one instance per lane.
class TextEncoder {
 public:
  TextEncoder(TextFormat format, LabelInterner& interner, size_t batch_bytes);

  static std::unique_ptr<RequestBody> new_body();
  void append(const Batch& batch, Requests& requests);
  /// Cuts a payload at part borders, or within a part at line borders. Nothing is left to do for
  /// a body that is a single line.
  static Result<Rework> rework(const SealedView& request, ReworkReason reason);

 private:
  std::string_view labels_of(const Labels& labels);

  TextFormat format_;
  uint32_t slot_;
  size_t piece_bytes_;
};

}  // namespace tailrace::common::text
