#pragma once

#include "tailrace/output.h"

namespace tailrace::outputs::prometheus_remote_write {

/// Other bodies from a sealed one.
///
/// too_large:      two halves, cut at a border of parts; a single part is cut between series, then
///                 between the samples of one; a single sample is refused.
/// blame_source:   one body per part.
/// unknown_format: 1.0 from 2.0, part by part.
/// Errors:         corrupt when the payload does not decode or does not match its parts;
///                 unsupported for a version that is not known, or has nothing below it.
Result<Rework> rework_write(const SealedView& request, ReworkReason reason);

}  // namespace tailrace::outputs::prometheus_remote_write
