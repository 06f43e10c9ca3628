#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tailrace/plugin.h"

#include "plugins/processors/filter/filter_config.h"
#include "plugins/processors/filter/rule.h"

namespace tailrace::processors::filter {

/// Takes records out by rules.
///
/// Shape: a batch whose labels decide passes or goes as a whole; else it is compacted in place.
/// Lane:  one instance per lane and pipeline.
class Filter final : public Processor {
 public:
  static Result<std::unique_ptr<Processor>> make(std::shared_ptr<const FilterConfig> config,
                                                 ProcessorContext& context);

  void process(Batch& batch, Next& next) noexcept override;

 private:
  // Bit i stands for rule i of its list.
  struct Candidates {
    uint64_t drop = 0;
    uint64_t keep = 0;
    int drops_all = -1;  // a drop rule that the labels alone fulfil
    bool keeps_all = false;
  };
  class Remembered;

  Filter(std::vector<Rule> drop, std::vector<Rule> keep, ProcessorContext& context);
  Candidates decide(const Labels& labels) const;
  const Candidates& candidates(const Labels& labels);
  /// The counter of the rule that takes the record out, or null to keep it.
  Counter* verdict(const LogBatch& batch, uint32_t i, const Candidates& among) const noexcept;
  void drop_all(const LogBatch& batch, Counter& counter, Next& next) const noexcept;

  std::vector<Rule> drop_;
  std::vector<Rule> keep_;
  uint32_t slot_;
  std::vector<Counter*> dropped_by_;  // one per drop rule
  Counter* not_kept_;
};

}  // namespace tailrace::processors::filter
