#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tailrace/labels.h"
#include "tailrace/result.h"

#include "plugins/common/prom/discovery.h"
#include "plugins/common/prom/relabel.h"

/// What `tailrace relabel` prints, for inputs and outputs that have rules.
namespace tailrace::common::prom {

/// Reads labels as people write them: `a="b", c="d"` or `a=b,c=d`, in braces or not. A part without
/// `=` that comes first is the value of `bare`.
Result<LabelPairs> parse_label_list(std::string_view text, std::string_view bare);
/// Reads a sample's labels: `name{a="b"}`, `{__name__="name"}` or `name`.
Result<LabelPairs> parse_metric(std::string_view text);

/// The same labels, as views of the pairs.
std::vector<Label> views_of(const LabelPairs& pairs);

/// One line per label, indented.
std::string show_labels(const LabelPairs& labels);
/// Each step with the rule, what it looked at, and what it changed. `list` is the rules' option.
std::string show_steps(std::string_view list, const std::vector<RelabelStep>& steps);

}  // namespace tailrace::common::prom
