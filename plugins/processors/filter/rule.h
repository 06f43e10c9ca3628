#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/labels.h"
#include "tailrace/log_batch.h"
#include "tailrace/regex.h"
#include "tailrace/result.h"

#include "plugins/processors/filter/filter_config.h"

namespace tailrace::processors::filter {

/// One compiled rule: conditions that must all hold. What depends on the stream is asked once per
/// label set, the rest per record.
class Rule {
 public:
  static Result<Rule> compile(const RuleConfig& config);

  bool matches_labels(const Labels& labels) const noexcept;
  /// False when the labels decide alone.
  bool looks_at_records() const noexcept { return looks_at_records_; }
  bool matches_record(const LogBatch& batch, uint32_t i) const noexcept;

 private:
  struct Named {
    std::string name;
    Regex regex;
  };
  bool matches_severity(Severity severity) const noexcept;
  bool matches_metadata(const MetaSpan& metadata) const noexcept;
  bool matches_line(std::string_view line) const noexcept;

  RuleConfig config_;
  std::vector<Named> labels_regex_;
  std::vector<Named> metadata_regex_;
  std::vector<Regex> line_regex_;  // none or one
  bool looks_at_severity_ = false;
  bool looks_at_metadata_ = false;
  bool looks_at_records_ = false;
};

}  // namespace tailrace::processors::filter
