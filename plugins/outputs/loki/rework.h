#pragma once

#include "tailrace/output.h"

#include "plugins/outputs/loki/loki_config.h"

namespace tailrace::outputs::loki {

/// Smaller bodies from a sealed one.
///
/// too_large:    two halves, cut at a border of parts; a single part is cut between entries, its
///               weight divided in proportion; a single entry is refused.
/// blame_source: one body per part.
/// Errors:       corrupt when the payload does not decode or does not match its parts; unsupported
///               for unknown_format (there is only one format).
Result<Rework> rework_push(const SealedView& request, ReworkReason reason,
                           BodyCompression compression);

}  // namespace tailrace::outputs::loki
