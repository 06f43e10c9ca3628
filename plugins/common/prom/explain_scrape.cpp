// `tailrace relabel` for jobs: what becomes of a target, and of a sample of it.

#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "plugins/common/prom/added_labels.h"
#include "plugins/common/prom/explain.h"
#include "plugins/common/prom/scrape_config.h"
#include "plugins/common/prom/target_set.h"

namespace tailrace::common::prom {

namespace {

Result<const ScrapeConfig*> find_job(const ScrapeOptions& options, const std::string& name) {
  if (name.empty() && options.scrape_configs.size() == 1) {
    return &options.scrape_configs.front();
  }
  if (const ScrapeConfig* job = options.find_job(name); job != nullptr && !name.empty()) {
    return job;
  }
  std::vector<std::string> names;
  for (const ScrapeConfig& job : options.scrape_configs) {
    names.push_back(job.job_name);
  }
  return fail(ErrorCode::not_found,
              fmt::format("{}; the jobs are: {}",
                          name.empty() ? "name a job with --job"
                                       : fmt::format("there is no job \"{}\"", name),
                          fmt::join(names, ", ")));
}

std::string show_target(const ScrapeConfig& job, const LabelPairs& found, LabelBuilder& builder,
                        LabelPairs& labels) {
  std::vector<RelabelStep> steps;
  const RelabeledTarget made = make_target(job, found, {}, builder, &steps);
  std::string out = fmt::format("discovered labels:\n{}", show_labels(made.discovered));
  out += job.relabel_configs.empty() ? "there are no relabel_configs\n" : "relabeling:\n";
  out += show_steps("relabel_configs", steps);
  if (made.target == nullptr) {
    out += made.refused.empty() ? "the target is dropped\n"
                                : fmt::format("the target is refused: {}\n", made.refused);
    return out;
  }
  const Target& target = *made.target;
  labels = target.labels;
  return out +
         fmt::format("the target is scraped at {}\n  every {}, for at most {}\ntarget labels:\n{}",
                     target.url, print_prom_duration(target.interval),
                     print_prom_duration(target.timeout), show_labels(target.labels));
}

std::string show_metric(const ScrapeConfig& job, const LabelPairs& scraped,
                        const LabelPairs& target, const StringMap& external,
                        LabelBuilder& builder) {
  const std::vector<Label> labels = views_of(scraped);
  std::vector<Label> scratch;
  builder.assign(labels);
  add_target_labels(target, labels, job.honor_labels, builder, scratch);
  std::string out =
      fmt::format("sample with the target's labels:\n{}", show_labels(pairs_of(builder)));
  out += job.metric_relabel_configs.empty() ? "there are no metric_relabel_configs\n"
                                            : "relabeling:\n";
  std::vector<RelabelStep> steps;
  const bool kept = relabel_traced(job.metric_relabel_configs, builder, steps);
  out += show_steps("metric_relabel_configs", steps);
  if (!kept) {
    return out + "the sample is dropped\n";
  }
  add_external_labels(external, builder);
  return out + fmt::format("series{}:\n{}", external.empty() ? "" : ", with external_labels",
                           show_labels(pairs_of(builder)));
}

}  // namespace

Result<std::string> ScrapeOptions::explain_relabel(const RelabelQuestion& question) const {
  const auto job = prom::find_job(*this, question.job);
  if (!job) {
    return tl::unexpected<Error>(job.error());
  }
  if (question.target.empty() && question.metric.empty()) {
    return fail(ErrorCode::invalid, "name a target with --target, or a sample with --metric");
  }
  std::string out = fmt::format("job {}\n", (*job)->job_name);
  LabelBuilder builder;
  LabelPairs target_labels;
  if (!question.target.empty()) {
    const auto found = parse_label_list(question.target, "__address__");
    if (!found) {
      return fail(found.error().code, "--target: " + found.error().message);
    }
    out += show_target(**job, *found, builder, target_labels);
    if (target_labels.empty()) {
      return out;
    }
  }
  if (!question.metric.empty()) {
    const auto scraped = parse_metric(question.metric);
    if (!scraped) {
      return fail(scraped.error().code, "--metric: " + scraped.error().message);
    }
    out += show_metric(**job, *scraped, target_labels, global.external_labels, builder);
  }
  return out;
}

}  // namespace tailrace::common::prom
