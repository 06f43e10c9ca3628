// The option tables of `global` and `scrape_configs`.

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "plugins/common/prom/scrape_config.h"
#include "plugins/common/prom/scrape_resolve.h"
#include "plugins/common/prom/sd_options.h"

namespace tailrace::common::prom {

namespace {

using EscapingName = std::pair<std::string, std::optional<NameEscaping>>;
const std::vector<EscapingName>& escaping_names() {
  static const std::vector<EscapingName> names = {{"allow-utf-8", NameEscaping::allow_utf8},
                                                  {"underscores", NameEscaping::underscores},
                                                  {"dots", NameEscaping::dots},
                                                  {"values", NameEscaping::values}};
  return names;
}

/// A list of discoveries of one kind; each entry becomes one of the job's discoveries.
template <class C>
Option<ScrapeConfig> discovery_option(std::string name, std::string doc, const Schema& schema) {
  OptionRow row;
  row.name = std::move(name);
  row.doc = std::move(doc);
  row.type = detail::objects_type();
  row.nested = std::shared_ptr<const Schema>(std::shared_ptr<void>(), &schema);
  row.read = [&schema](const ConfigValue& value, void* object, ConfigContext& context) {
    auto& job = *static_cast<ScrapeConfig*>(object);
    return detail::read_objects(value, schema, context, [&job] {
      auto entry = std::make_shared<C>();
      job.discoveries.push_back(entry);
      return static_cast<void*>(entry.get());
    });
  };
  return Option<ScrapeConfig>(std::move(row));
}

/// All entries of static_configs together are one discovery.
Option<ScrapeConfig> static_option() {
  OptionRow row;
  row.name = "static_configs";
  row.doc = "Targets that are written here.";
  row.type = detail::objects_type();
  row.nested = std::shared_ptr<const Schema>(std::shared_ptr<void>(), &static_group_schema());
  row.read = [](const ConfigValue& value, void* object, ConfigContext& context) {
    auto found = std::make_shared<StaticSdConfig>();
    const bool ok = detail::read_objects(value, static_group_schema(), context, [&found] {
      return static_cast<void*>(&found->groups.emplace_back());
    });
    static_cast<ScrapeConfig*>(object)->discoveries.push_back(std::move(found));
    return ok;
  };
  return Option<ScrapeConfig>(std::move(row));
}

/// The options that a job and `global` have in common, in which a job's go first.
template <class C>
std::vector<Option<C>> shared_options() {
  std::vector<Option<C>> out;
  const auto add = [&out](Option<C> option) { out.push_back(std::move(option)); };
  add(option("scrape_protocols", &C::scrape_protocols, "Formats to ask for, the most wanted first.")
          .default_shown("[OpenMetricsText1.0.0, OpenMetricsText0.0.1, PrometheusText1.0.0, "
                         "PrometheusText0.0.4], with native histograms PrometheusProto first"));
  add(option("scrape_native_histograms", &C::scrape_native_histograms,
             "Take native histograms (of the format PrometheusProto)."));
  add(option("always_scrape_classic_histograms", &C::always_scrape_classic_histograms,
             "Keep the classic buckets of a histogram that has a native form, too."));
  add(option("convert_classic_histograms_to_nhcb", &C::convert_classic_histograms_to_nhcb,
             "Make native histograms with custom buckets of classic ones."));
  add(option("extra_scrape_metrics", &C::extra_scrape_metrics,
             "Also write scrape_timeout_seconds, scrape_sample_limit and scrape_body_size_bytes."));
  add(choice("metric_name_validation_scheme", &C::metric_name_validation_scheme,
             "Which names metrics and labels may have.",
             {{"utf8", NameValidation::utf8}, {"legacy", NameValidation::legacy}}));
  add(choice("metric_name_escaping_scheme", &C::metric_name_escaping_scheme,
             "How targets are asked to write names beyond the legacy ones.", escaping_names())
          .default_shown("allow-utf-8; underscores with legacy names"));
  add(option("scrape_failure_log_file", &C::scrape_failure_log_file,
             "File to which failed scrapes are logged."));
  add(option("body_size_limit", &C::body_size_limit,
             "A larger page (unpacked) fails the scrape; 0 = no limit."));
  add(option("sample_limit", &C::sample_limit,
             "More samples after metric_relabel_configs fail the scrape; 0 = no limit."));
  add(option("target_limit", &C::target_limit,
             "More targets fail all scrapes of the job; 0 = no limit."));
  add(option("label_limit", &C::label_limit,
             "More labels of a sample fail the scrape; 0 = no limit."));
  add(option("label_name_length_limit", &C::label_name_length_limit,
             "A longer label name (bytes) fails the scrape; 0 = no limit."));
  add(option("label_value_length_limit", &C::label_value_length_limit,
             "A longer label value (bytes) fails the scrape; 0 = no limit."));
  add(option("keep_dropped_targets", &C::keep_dropped_targets,
             "How many dropped targets of a job are shown; 0 = all."));
  return out;
}

std::vector<Option<ScrapeConfig>> job_options() {
  std::vector<Option<ScrapeConfig>> out;
  const auto add = [&out](Option<ScrapeConfig> option) { out.push_back(std::move(option)); };
  add(option("job_name", &ScrapeConfig::job_name, "Value of the label `job`; unique.").required());
  add(option("scrape_interval", &ScrapeConfig::scrape_interval, "How often.")
          .default_shown("of global"));
  add(option("scrape_timeout", &ScrapeConfig::scrape_timeout,
             "A scrape that takes longer fails; at most the interval.")
          .default_shown("of global, at most the interval"));
  add(option("scheme", &ScrapeConfig::scheme, "`http` or `https`."));
  add(option("metrics_path", &ScrapeConfig::metrics_path, "Path of the page."));
  add(option("params", &ScrapeConfig::params, "Parameters of the URL."));
  add(option("honor_labels", &ScrapeConfig::honor_labels,
             "Keep a label of the page that the target has, too, instead of renaming it to "
             "`exported_…`."));
  add(option("honor_timestamps", &ScrapeConfig::honor_timestamps, "Use the page's timestamps."));
  add(option("track_timestamps_staleness", &ScrapeConfig::track_timestamps_staleness,
             "Mark series stale that have timestamps of their own, too."));
  add(option("enable_compression", &ScrapeConfig::enable_compression, "Ask for gzip."));
  add(option("fallback_scrape_protocol", &ScrapeConfig::fallback_scrape_protocol,
             "Format of a page whose Content-Type is missing or not known.")
          .default_shown("none: the scrape fails"));
  std::ranges::move(shared_options<ScrapeConfig>(), std::back_inserter(out));
  add(option("native_histogram_bucket_limit", &ScrapeConfig::native_histogram_bucket_limit,
             "Native histograms with more buckets are made coarser; 0 = no limit."));
  add(option("native_histogram_min_bucket_factor",
             &ScrapeConfig::native_histogram_min_bucket_factor,
             "Native histograms with finer buckets are made coarser; 0 = no limit."));
  add(objects("relabel_configs", &ScrapeConfig::relabel_configs, "Rules for targets.",
              relabel_schema()));
  add(objects("metric_relabel_configs", &ScrapeConfig::metric_relabel_configs,
              "Rules for samples, after the target's labels were added.", relabel_schema()));
  add(static_option());
  add(discovery_option<FileSdConfig>("file_sd_configs", "Targets from files.", file_sd_schema()));
  add(discovery_option<HttpSdConfig>("http_sd_configs", "Targets from a URL.", http_sd_schema()));
  return out;
}

const Schema& job_schema() {
  static const Schema schema =
      Schema::of<ScrapeConfig>(job_options())
          .with_part(&ScrapeConfig::http, prometheus_http_client_schema())
          .refuse(missing_discoveries(), "is a service discovery that tailrace does not have yet",
                  "there are static_configs, file_sd_configs and http_sd_configs")
          .finish<ScrapeConfig>(finish_job);
  return schema;
}

/// Options of `global` that concern parts of Prometheus that an agent has not.
struct Unused {
  Duration evaluation_interval = std::chrono::minutes(1);
  Duration rule_query_offset{};
  std::string query_log_file;
};
Option<GlobalConfig> unused(Option<Unused> option) {
  option.row_.read = [inner = std::move(option.row_.read)](const ConfigValue& value, void*,
                                                           ConfigContext& context) {
    Unused nowhere;
    return inner(value, &nowhere, context);
  };
  return Option<GlobalConfig>(std::move(option.row_));
}

const Schema& global_schema() {
  static const Schema schema = [] {
    std::vector<Option<GlobalConfig>> options;
    options.push_back(option("scrape_interval", &GlobalConfig::scrape_interval, "How often.")
                          .default_shown("1m"));
    options.push_back(option("scrape_timeout", &GlobalConfig::scrape_timeout,
                             "A scrape that takes longer fails; at most the interval.")
                          .default_shown("10s, at most the interval"));
    std::ranges::move(shared_options<GlobalConfig>(), std::back_inserter(options));
    options.push_back(
        option("external_labels", &GlobalConfig::external_labels,
               "Labels of every series that has none of that name; `${VAR}` and `$VAR` stand for "
               "environment variables."));
    options.push_back(unused(option("evaluation_interval", &Unused::evaluation_interval,
                                    "Of no use here: no rules are evaluated.")));
    options.push_back(unused(option("rule_query_offset", &Unused::rule_query_offset,
                                    "Of no use here: no rules are evaluated.")));
    options.push_back(unused(
        option("query_log_file", &Unused::query_log_file, "Of no use here: nothing is queried.")));
    return Schema::of<GlobalConfig>(std::move(options));
  }();
  return schema;
}

struct ScrapeConfigFile {
  std::vector<ScrapeConfig> scrape_configs;
};

}  // namespace

std::string_view to_string(NameEscaping scheme) noexcept {
  for (const auto& [name, meaning] : escaping_names()) {
    if (meaning == scheme) {
      return name;
    }
  }
  return "";
}

bool read_scrape_config_file(const ConfigValue& root, std::vector<ScrapeConfig>& jobs,
                             ConfigContext& context) {
  static const Schema schema = Schema::of<ScrapeConfigFile>({
      objects("scrape_configs", &ScrapeConfigFile::scrape_configs, "Jobs.", job_schema()),
  });
  ScrapeConfigFile file;
  const bool before = std::exchange(context.as_prometheus, true);
  const bool ok = schema.read(root, &file, context);
  context.as_prometheus = before;
  jobs = std::move(file.scrape_configs);
  return ok;
}

const Schema& scrape_options_schema() {
  static const Schema schema =
      Schema::of<ScrapeOptions>(
          {
              object("global", &ScrapeOptions::global, "Prometheus's section `global`.",
                     global_schema())
                  .as_prometheus(),
              objects("scrape_configs", &ScrapeOptions::scrape_configs,
                      "Prometheus's section `scrape_configs`.", job_schema())
                  .as_prometheus(),
              option("scrape_config_files", &ScrapeOptions::scrape_config_files,
                     "Files with further `scrape_configs`; patterns may hold a `*`. Relative to "
                     "this file.")
                  .as_prometheus(),
          })
          .refuse({"rule_files", "alerting"}, "tailrace evaluates no rules and sends no alerts",
                  "leave it to a Prometheus that reads what was written")
          .refuse({"remote_write"}, "is not an option of an input",
                  "each of its entries is an output of type prometheus_remote_write")
          .refuse({"remote_read", "storage", "tracing", "otlp", "runtime"},
                  "is a section of Prometheus that tailrace has no use for", "leave it out")
          .finish<ScrapeOptions>(finish_options);
  return schema;
}

}  // namespace tailrace::common::prom
