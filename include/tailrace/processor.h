#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tailrace/batch.h"
#include "tailrace/lane.h"
#include "tailrace/log.h"
#include "tailrace/memory_account.h"
#include "tailrace/metrics.h"

namespace tailrace {

/// Where a processor puts what it lets through.
class Next {
 public:
  virtual void push(Batch& batch) noexcept = 0;
  /// Records that end here by the user's wish.
  virtual void filtered(Weight weight) noexcept = 0;
  /// Records that cannot go on, ever (invalid, or without a meaning in the form that is wanted):
  /// counted as refused where they were going, one example is logged.
  virtual void refuse(Weight weight, std::string_view reason,
                      std::string_view example) noexcept = 0;

 protected:
  ~Next() = default;
};

class ProcessorContext {
 public:
  virtual ~ProcessorContext() = default;
  virtual const std::string& name() const noexcept = 0;
  virtual Lane& lane() noexcept = 0;
  /// For what it keeps beyond a call.
  virtual MemoryAccount& memory() noexcept = 0;
  virtual Metrics& metrics() noexcept = 0;
  virtual const Log& log() noexcept = 0;
};

/// Edits batches. One instance per lane and pipeline; it may keep state of its own.
/// For every record of `batch` it either pushes it on (in one batch or in several) or reports its
/// weight as filtered or refused. The result depends on the record and the options only (P2).
class Processor {
 public:
  virtual ~Processor() = default;
  virtual void process(Batch& batch, Next& next) noexcept = 0;
};

}  // namespace tailrace
