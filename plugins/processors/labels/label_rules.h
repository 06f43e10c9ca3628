#pragma once

#include <span>
#include <string>
#include <vector>

#include "tailrace/labels.h"
#include "tailrace/regex.h"
#include "tailrace/result.h"

#include "plugins/processors/labels/labels_config.h"

namespace tailrace::processors::labels {

/// A label that owns its text.
struct OwnedLabel {
  std::string name;
  std::string value;
  friend bool operator==(const OwnedLabel&, const OwnedLabel&) = default;
};

/// The compiled options: what becomes of a label set. Applied in this order: from_path, extract,
/// rename, drop, keep, add.
class LabelRules {
 public:
  static Result<LabelRules> compile(const LabelsConfig& config);

  /// The new set, unsorted; names are unique.
  std::vector<OwnedLabel> apply(std::span<const Label> labels) const;

 private:
  struct Extract {
    std::string from;
    Regex regex;
  };
  LabelsConfig config_;
  std::vector<Extract> extract_;
};

}  // namespace tailrace::processors::labels
