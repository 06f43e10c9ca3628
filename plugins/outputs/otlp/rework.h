#pragma once

#include "tailrace/output.h"

namespace tailrace::outputs::otlp {

/// Takes an export request apart: between its parts, then between resources, scopes and records; a
/// record that is alone is refused. Resource and scope go with every piece.
Result<Rework> rework_export(const SealedView& request, ReworkReason reason);

}  // namespace tailrace::outputs::otlp
