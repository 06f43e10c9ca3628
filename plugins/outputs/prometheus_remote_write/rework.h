#pragma once

#include <cstdint>
#include <optional>

#include "tailrace/output.h"

namespace tailrace::outputs::prometheus_remote_write {

/// Other bodies from a sealed one.
///
/// too_large:      two halves, cut at a border of parts; a single part is cut between series, then
///                 between the samples of one; a single sample is refused.
/// blame_source:   one body per part, and for each age of samples in it that differs much (samples
///                 with timestamps of their own, which receivers may find too old).
/// unknown_format: 1.0 from 2.0, part by part; histograms with custom buckets are refused.
/// Errors:         corrupt when the payload does not decode or does not match its parts;
///                 unsupported for a version that is not known, or has nothing below it.
Result<Rework> rework_write(const SealedView& request, ReworkReason reason);

/// Samples and histograms in a sealed body; nothing when it cannot be read. It is unpacked for
/// that.
std::optional<uint64_t> rows_of(const SealedView& request);

}  // namespace tailrace::outputs::prometheus_remote_write
