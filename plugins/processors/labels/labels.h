#pragma once

#include <memory>

#include "tailrace/plugin.h"

#include "plugins/processors/labels/label_rules.h"
#include "plugins/processors/labels/labels_config.h"

namespace tailrace::processors::labels {

/// Gives streams other labels.
///
/// Shape: the rules run once per label set; a batch only gets the result. Records that were of
///        different streams may be of one afterwards.
/// Lane:  one instance per lane and pipeline.
class LabelEditor final : public Processor {
 public:
  static Result<std::unique_ptr<Processor>> make(std::shared_ptr<const LabelsConfig> config,
                                                 ProcessorContext& context);

  void process(Batch& batch, Next& next) noexcept override;

 private:
  class Edited;
  LabelEditor(LabelRules rules, LabelInterner& interner);
  const Edited& edited(const Labels& labels);

  LabelRules rules_;
  LabelInterner& interner_;
  uint32_t slot_;
  LabelsPtr current_;  // keeps the labels of the batch that was pushed last
};

}  // namespace tailrace::processors::labels
