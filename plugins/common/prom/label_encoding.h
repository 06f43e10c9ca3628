#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tailrace/labels.h"

namespace tailrace::common::prom {

/// Bytes that encode_labels() takes.
size_t encoded_labels_size(std::span<const Label> labels) noexcept;
/// Writes MetricSeries::encoded_labels at `to`, where encoded_labels_size() bytes must be free;
/// returns the place behind. `labels` are sorted by name, no name twice, no value empty.
char* encode_labels(char* to, std::span<const Label> labels) noexcept;
/// The same into a string, in place of what it held.
void encode_labels(std::string& to, std::span<const Label> labels);

}  // namespace tailrace::common::prom
