#include "plugins/common/prom/scrape_resolve.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "tailrace/config_files.h"
#include "tailrace/regex.h"

#include "codec/utf8.h"

namespace tailrace::common::prom {

namespace {

constexpr Duration kDefaultInterval = std::chrono::minutes(1);
constexpr Duration kDefaultTimeout = std::chrono::seconds(10);
constexpr size_t kMaxJobsFileBytes = 16 << 20;

/// A complaint about an option where it was written, or about the section when it was not.
bool fail_option(const ConfigValue& at, std::string_view option, ConfigContext& context,
                 std::string message, std::string hint = {}) {
  const ConfigValue* value = at.find(option);
  context.issues.add(value != nullptr ? value->position : at.position,
                     fmt::format("{}{}{}", context.path, context.path.empty() ? "" : ".", option),
                     std::move(message), std::move(hint));
  return false;
}

/// A target that is a URL would be scraped at a host of that name.
/// Source: CheckTargetAddress.
bool check_static_targets(const ConfigValue& at, ConfigContext& context) {
  static const ConfigValue nothing;
  const ConfigValue* groups = at.find("static_configs");
  bool ok = true;
  for (const ConfigValue& group : groups != nullptr ? groups->items : nothing.items) {
    const ConfigValue* targets = group.find("targets");
    for (const ConfigValue& target : targets != nullptr ? targets->items : nothing.items) {
      if (target.scalar.find('/') != std::string::npos) {
        context.issues.add(target.position, context.path + ".static_configs",
                           target.secret
                               ? "is not a valid hostname"
                               : fmt::format("\"{}\" is not a valid hostname", target.scalar),
                           "a target is host:port; scheme and metrics_path are options of the job");
        ok = false;
      }
    }
  }
  return ok;
}

/// Whole milliseconds are what Prometheus knows.
bool check_duration(Duration duration, const ConfigValue& at, std::string_view option,
                    ConfigContext& context) {
  if (duration % std::chrono::milliseconds(1) == Duration(0)) {
    return true;
  }
  return fail_option(at, option, context, "expected whole milliseconds");
}

// ---- global ---------------------------------------------------------------------------------

/// Prometheus expands `$NAME` and `${NAME}`, `$$` being a dollar; what is not set is empty.
/// Source: Go os.Expand.
std::string with_environment(std::string_view text) {
  std::string out;
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  const auto add = [&out](std::string_view name) {
    const char* value = std::getenv(std::string(name).c_str());
    out += name == "$" ? "$" : value != nullptr ? value : "";
  };
  while (true) {
    const size_t dollar = text.find('$');
    out.append(text.substr(0, dollar));
    if (dollar == std::string_view::npos) {
      return out;
    }
    text.remove_prefix(dollar + 1);
    if (text.starts_with('{')) {
      const size_t end = text.find('}');
      if (end == std::string_view::npos) {
        continue;  // an open brace: Go leaves out what begins it
      }
      add(text.substr(1, end - 1));
      text.remove_prefix(end + 1);
    } else if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
    } else {
      const size_t end =
          static_cast<size_t>(std::ranges::find_if_not(text, is_word) - text.begin());
      if (end == 0) {
        out += '$';  // followed by nothing that could be a name
      } else {
        add(text.substr(0, end));
        text.remove_prefix(end);
      }
    }
  }
}

bool resolve_external_labels(GlobalConfig& global, const ConfigValue& at, ConfigContext& context) {
  StringMap expanded;
  for (const auto& [name, value] : global.external_labels) {
    if (!is_label_name(name, global.metric_name_validation_scheme)) {
      return fail_option(at, "external_labels", context,
                         fmt::format("\"{}\" is not a valid label name", name));
    }
    std::string text = with_environment(value);
    if (!codec::valid_utf8(text)) {
      return fail_option(at, "external_labels", context,
                         fmt::format("the value of \"{}\" is not a valid label value", name));
    }
    if (!text.empty()) {
      expanded.emplace(name, std::move(text));
    }
  }
  global.external_labels = std::move(expanded);
  return true;
}

bool resolve_global(GlobalConfig& global, const ConfigValue& at, ConfigContext& context) {
  bool ok = check_duration(global.scrape_interval, at, "scrape_interval", context) &&
            check_duration(global.scrape_timeout, at, "scrape_timeout", context);
  if (global.scrape_interval.count() == 0) {
    global.scrape_interval = kDefaultInterval;
  }
  if (global.scrape_timeout > global.scrape_interval) {
    ok = fail_option(at, "scrape_timeout", context,
                     "global scrape timeout greater than scrape interval");
  }
  if (global.scrape_timeout.count() == 0) {
    global.scrape_timeout = std::min(kDefaultTimeout, global.scrape_interval);
  }
  if (const ConfigValue* protocols = at.find("scrape_protocols");
      protocols != nullptr && protocols->kind == ConfigValue::Kind::list &&
      global.scrape_protocols.empty()) {
    ok = fail_option(at, "scrape_protocols", context,
                     "scrape_protocols cannot be empty for global config");
  }
  global.scrape_failure_log_file = context.file_path(global.scrape_failure_log_file);
  return resolve_external_labels(global, at, context) && ok;
}

// ---- a job ----------------------------------------------------------------------------------

template <class T>
void inherit(T& own, const T& from) {
  if (own == T{}) {
    own = from;
  }
}
template <class T>
void inherit(std::optional<T>& own, const T& from) {
  if (!own) {
    own = from;
  }
}

bool resolve_times(ScrapeConfig& job, const GlobalConfig& global, const ConfigValue& at,
                   ConfigContext& context) {
  bool ok = check_duration(job.scrape_interval, at, "scrape_interval", context) &&
            check_duration(job.scrape_timeout, at, "scrape_timeout", context);
  inherit(job.scrape_interval, global.scrape_interval);
  if (job.scrape_timeout > job.scrape_interval) {
    ok = fail_option(
        at, "scrape_timeout", context,
        fmt::format("scrape timeout greater than scrape interval for scrape config with job name "
                    "\"{}\"",
                    job.job_name),
        at.find("scrape_interval") == nullptr
            ? fmt::format("the interval is {}, of global", print_prom_duration(job.scrape_interval))
            : "");
  }
  if (job.scrape_timeout.count() == 0) {
    job.scrape_timeout = std::min(global.scrape_timeout, job.scrape_interval);
  }
  return ok;
}

bool resolve_protocols(ScrapeConfig& job, const GlobalConfig& global, const ConfigValue& at,
                       ConfigContext& context) {
  const ConfigValue* written = at.find("scrape_protocols");
  if (written != nullptr && written->kind == ConfigValue::Kind::list && written->items.empty()) {
    return fail_option(
        at, "scrape_protocols", context,
        fmt::format("scrape_protocols cannot be empty for scrape config with job name \"{}\"",
                    job.job_name));
  }
  inherit(job.scrape_protocols, global.scrape_protocols);
  if (job.scrape_protocols.empty()) {
    job.scrape_protocols = {ScrapeProtocol::openmetrics_1_0_0, ScrapeProtocol::openmetrics_0_0_1,
                            ScrapeProtocol::text_1_0_0, ScrapeProtocol::text_0_0_4};
    if (*job.scrape_native_histograms) {
      job.scrape_protocols.insert(job.scrape_protocols.begin(), ScrapeProtocol::proto);
    }
  }
  return true;
}

NameEscaping default_escaping(NameValidation scheme) noexcept {
  return scheme == NameValidation::legacy ? NameEscaping::underscores : NameEscaping::allow_utf8;
}

bool resolve_names(ScrapeConfig& job, const GlobalConfig& global, const ConfigValue& at,
                   ConfigContext& context) {
  const bool own_scheme = job.metric_name_validation_scheme.has_value();
  inherit(job.metric_name_validation_scheme, global.metric_name_validation_scheme);
  const NameValidation scheme = *job.metric_name_validation_scheme;
  if (!job.metric_name_escaping_scheme) {
    job.metric_name_escaping_scheme =
        own_scheme ? default_escaping(scheme)
                   : global.metric_name_escaping_scheme.value_or(
                         default_escaping(global.metric_name_validation_scheme));
  }
  if (scheme == NameValidation::legacy &&
      *job.metric_name_escaping_scheme == NameEscaping::allow_utf8) {
    return fail_option(at, "metric_name_escaping_scheme", context,
                       "utf8 metric names requested but validation scheme is not set to UTF8",
                       "with legacy names use underscores, dots or values");
  }
  const std::string path = context.path;
  const size_t before = context.issues.issues().size();
  context.path = path + ".relabel_configs";
  set_name_validation(job.relabel_configs, scheme, context);
  context.path = path + ".metric_relabel_configs";
  set_name_validation(job.metric_relabel_configs, scheme, context);
  context.path = path;
  return context.issues.issues().size() == before;
}

bool resolve_job(ScrapeConfig& job, const GlobalConfig& global, const ConfigValue& at,
                 ConfigContext& context) {
  inherit(job.body_size_limit, global.body_size_limit);
  inherit(job.sample_limit, global.sample_limit);
  inherit(job.target_limit, global.target_limit);
  inherit(job.label_limit, global.label_limit);
  inherit(job.label_name_length_limit, global.label_name_length_limit);
  inherit(job.label_value_length_limit, global.label_value_length_limit);
  inherit(job.keep_dropped_targets, global.keep_dropped_targets);
  job.scrape_failure_log_file = context.file_path(job.scrape_failure_log_file);
  inherit(job.scrape_failure_log_file, global.scrape_failure_log_file);
  inherit(job.scrape_native_histograms, global.scrape_native_histograms);
  inherit(job.always_scrape_classic_histograms, global.always_scrape_classic_histograms);
  inherit(job.convert_classic_histograms_to_nhcb, global.convert_classic_histograms_to_nhcb);
  inherit(job.extra_scrape_metrics, global.extra_scrape_metrics);
  const bool times = resolve_times(job, global, at, context);
  const bool protocols = resolve_protocols(job, global, at, context);
  return resolve_names(job, global, at, context) && times && protocols;
}

/// Resolves jobs against `global`, and checks that no name was there before.
/// `seen` holds where each name was.
bool resolve_jobs(std::vector<ScrapeConfig>& jobs, const GlobalConfig& global,
                  const ConfigValue& list, const std::string& file,
                  std::map<std::string, std::string>& seen, ConfigContext& context) {
  bool ok = true;
  const std::string path = context.path;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const ConfigValue& at = list.items[i];
    context.path = fmt::format("{}{}scrape_configs[{}]", path, path.empty() ? "" : ".", i);
    ok = resolve_job(jobs[i], global, at, context) && ok;
    const auto [first, is_new] =
        seen.emplace(jobs[i].job_name, fmt::format("{}line {}", file, at.position.line));
    if (!is_new) {
      ok = fail_option(
          at, "job_name", context,
          fmt::format("found multiple scrape configs with job name \"{}\"", jobs[i].job_name),
          "the first is in " + first->second);
    }
  }
  context.path = path;
  return ok;
}

// ---- scrape_config_files --------------------------------------------------------------------

/// A pattern may stand in the last part of a path only.
/// Source: Prometheus config, patRulePath.
bool is_file_pattern(const std::string& path) {
  static const auto regex = Regex::compile(R"([^*]*(\*[^/]*)?)", {.anchored = true});
  return regex && regex->matches(path);
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash == 0 ? 1 : slash);
}

/// Whatever is wrong in the file goes to `found`, with places of that file.
bool read_jobs_of(const std::string& path, const GlobalConfig& global,
                  std::map<std::string, std::string>& seen, std::vector<ScrapeConfig>& jobs,
                  ConfigIssues& found) {
  const auto text = read_config_file(path, kMaxJobsFileBytes);
  if (!text) {
    found.add({}, "", "cannot be read: " + text.error().message);
    return false;
  }
  const auto root = parse_plain_yaml(*text, found);
  if (!root) {
    return false;
  }
  ConfigContext context{found, ""};
  context.folder = parent_of(path);
  const ConfigValue* list = root->find("scrape_configs");
  return read_scrape_config_file(*root, jobs, context) &&
         (list == nullptr || resolve_jobs(jobs, global, *list, path + " ", seen, context)) &&
         found.ok();
}

bool read_files(ScrapeOptions& options, std::map<std::string, std::string>& seen,
                const ConfigValue& at, ConfigContext& context) {
  bool ok = true;
  for (std::string& pattern : options.scrape_config_files) {
    if (!is_file_pattern(pattern)) {
      ok = fail_option(at, "scrape_config_files", context,
                       fmt::format("invalid scrape config file path \"{}\"", pattern),
                       "only the last part may hold a *");
      continue;
    }
    pattern = context.file_path(pattern);
    for (const std::string& path : files_matching(pattern)) {
      ConfigIssues found;
      std::vector<ScrapeConfig> jobs;
      if (!read_jobs_of(path, options.global, seen, jobs, found)) {
        for (const ConfigIssue& issue : found.issues()) {
          ok = fail_option(
              at, "scrape_config_files", context,
              fmt::format("{}:{}:{} {}{}{}", path, issue.position.line, issue.position.column,
                          issue.path, issue.path.empty() ? "" : ": ", issue.message),
              issue.hint);
        }
      }
      std::ranges::move(jobs, std::back_inserter(options.scrape_configs));
    }
  }
  return ok;
}

}  // namespace

bool finish_job(ScrapeConfig& job, const ConfigValue& at, ConfigContext& context) {
  job.position = at.position;
  if (job.job_name.empty()) {
    return fail_option(at, "job_name", context, "job_name is empty");
  }
  return !job.relabel_configs.empty() || check_static_targets(at, context);
}

bool finish_options(ScrapeOptions& options, const ConfigValue& at, ConfigContext& context) {
  static const ConfigValue nothing;
  const ConfigValue* global = at.find("global");
  const ConfigValue* list = at.find("scrape_configs");
  const std::string path = context.path;
  context.path = path.empty() ? "global" : path + ".global";
  bool ok = resolve_global(options.global, global != nullptr ? *global : nothing, context);
  context.path = path;
  std::map<std::string, std::string> seen;
  ok = resolve_jobs(options.scrape_configs, options.global, list != nullptr ? *list : nothing, "",
                    seen, context) &&
       ok;
  ok = read_files(options, seen, at, context) && ok;
  if (ok && list == nullptr && options.scrape_config_files.empty()) {
    context.fail(at, "there is nothing to scrape: set scrape_configs");
    return false;
  }
  return ok;
}

const ScrapeConfig* ScrapeOptions::find_job(std::string_view name) const noexcept {
  const auto found = std::ranges::find(scrape_configs, name, &ScrapeConfig::job_name);
  return found == scrape_configs.end() ? nullptr : &*found;
}

}  // namespace tailrace::common::prom
