#pragma once

#include "tailrace/batch.h"
#include "tailrace/processor.h"

namespace tailrace {

/// Makes batches of one form out of those of another, of the same signal. The engine puts one where
/// a pipeline joins components that have no form in common: in front of a processor, or of an
/// output.
///
/// Weights:  what is pushed, filtered and refused weighs what `batch` weighs. `receipt` goes along.
/// Lifetime: as with a processor: what is pushed lives in the arena, in the batch given, or in the
///           converter until the push returns.
/// Result:   it depends on the records and the options only (P2). `batch` is not edited: others get
///           it, too.
class Converter {
 public:
  virtual ~Converter() = default;
  virtual void convert(const Batch& batch, Next& next) noexcept = 0;
};

/// The name is that of the output or the pipeline that it works for.
using ConverterContext = ProcessorContext;

}  // namespace tailrace
