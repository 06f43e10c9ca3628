#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tailrace/labels.h"
#include "tailrace/log_batch.h"

namespace tailrace::common::text {

/// How a record is written as text, always ending in a newline.
enum class TextFormat : uint8_t {
  human,  ///< Time, labels, severity, metadata and the line, safe to show on a terminal.
  json,   ///< One JSON object a line, with everything there is.
  raw,    ///< The line and nothing else.
};

/// The labels as the format shows them: `{"app":"a"}` or `{app="a"}`; nothing for raw.
std::string labels_text(TextFormat format, const Labels& labels);

/// Appends record `i` of the batch. `labels` is labels_text() of its stream.
void append_record(TextFormat format, std::string_view labels, const LogBatch& batch, uint32_t i,
                   std::string& to);

/// About how many bytes append_record will add; escapes are not foreseen.
size_t estimate_record(TextFormat format, std::string_view labels, const LogBatch& batch,
                       uint32_t i) noexcept;

}  // namespace tailrace::common::text
