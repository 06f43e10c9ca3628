#include "plugins/common/prom/explain.h"

#include <string>
#include <vector>

#include <fmt/format.h>

#include "plugins/common/prom/added_labels.h"
#include "plugins/common/prom/relabel.h"
#include "plugins/outputs/prometheus_remote_write/remote_write_config.h"

namespace tailrace::outputs::prometheus_remote_write {

/// The same steps as SeriesLabeler::make().
Result<std::string> RemoteWriteConfig::explain_relabel(const RelabelQuestion& question) const {
  if (question.metric.empty() || !question.target.empty() || !question.job.empty()) {
    return fail(ErrorCode::invalid,
                "an output relabels samples: name one with --metric, and no --target or --job");
  }
  const auto sample = common::prom::parse_metric(question.metric);
  if (!sample) {
    return fail(sample.error().code, "--metric: " + sample.error().message);
  }
  common::prom::LabelBuilder builder;
  builder.assign(common::prom::views_of(*sample));
  common::prom::add_external_labels(external_labels, builder);
  std::string out =
      fmt::format("sample{}:\n{}", external_labels.empty() ? "" : ", with external_labels",
                  common::prom::show_labels(common::prom::pairs_of(builder)));
  out += write_relabel_configs.empty() ? "there are no write_relabel_configs\n" : "relabeling:\n";
  std::vector<common::prom::RelabelStep> steps;
  const bool kept = common::prom::relabel_traced(write_relabel_configs, builder, steps);
  out += common::prom::show_steps("write_relabel_configs", steps);
  if (!kept) {
    return out + "the sample is not sent\n";
  }
  if (!tenant_label.empty() && builder.has(tenant_label)) {
    out += fmt::format("tenant: {}\n", builder.get(tenant_label));
    builder.erase(tenant_label);
  } else if (!tenant.empty()) {
    out += fmt::format("tenant: {}\n", tenant);
  }
  return out + fmt::format("what is sent:\n{}",
                           common::prom::show_labels(common::prom::pairs_of(builder)));
}

}  // namespace tailrace::outputs::prometheus_remote_write
