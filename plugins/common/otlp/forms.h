#pragma once

#include "tailrace/otlp_batch.h"

namespace tailrace::common::otlp {

/// For descriptors of components that take or give OTLP of every signal.
inline constexpr const BatchType* kForms[] = {&OtlpBatch::kTraces, &OtlpBatch::kLogs,
                                              &OtlpBatch::kMetrics};

}  // namespace tailrace::common::otlp
