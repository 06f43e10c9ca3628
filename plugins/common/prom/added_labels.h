#pragma once

#include <span>
#include <vector>

#include "tailrace/config_schema.h"
#include "tailrace/labels.h"

#include "plugins/common/prom/discovery.h"
#include "plugins/common/prom/label_builder.h"

/// The labels that a sample gets beside those of its page.
namespace tailrace::common::prom {

/// Adds a target's labels. `series` holds the sample's, which are given once more in `scraped`, as
/// they are on the page: where both have one, honor_labels decides whose it is.
/// `scratch` is memory that is used again.
/// Source: Prometheus scrape/scrape.go, mutateSampleLabels.
void add_target_labels(const LabelPairs& target, std::span<const Label> scraped, bool honor_labels,
                       LabelBuilder& series, std::vector<Label>& scratch);

/// Adds the external labels that are not there.
void add_external_labels(const StringMap& external, LabelBuilder& series);

}  // namespace tailrace::common::prom
