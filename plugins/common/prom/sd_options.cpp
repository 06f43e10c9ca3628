#include "plugins/common/prom/sd_options.h"

#include <fmt/format.h>

#include "tailrace/regex.h"
#include "tailrace/url.h"

#include "plugins/common/prom/relabel.h"

namespace tailrace::common::prom {

namespace {

void refuse_option(const ConfigValue& at, std::string_view option, ConfigContext& context,
                   std::string message, std::string hint = {}) {
  const ConfigValue* value = at.find(option);
  context.issues.add(value != nullptr ? value->position : at.position,
                     fmt::format("{}.{}", context.path, option), std::move(message),
                     std::move(hint));
}

bool finish_group(StaticGroup& group, const ConfigValue& at, ConfigContext& context) {
  for (const auto& [name, value] : group.labels) {
    if (!is_label_name(name, NameValidation::utf8)) {
      refuse_option(at, "labels", context, fmt::format("\"{}\" is not a valid label name", name));
      return false;
    }
  }
  return true;
}

/// A pattern may stand in the last part of a path only, and the ending tells the format.
/// Source: Prometheus discovery/file, patFileSDName.
bool is_file_sd_path(const std::string& path) {
  static const auto regex =
      Regex::compile(R"([^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML))", {.anchored = true});
  return regex && regex->matches(path);
}

bool finish_file_sd(FileSdConfig& config, const ConfigValue& at, ConfigContext& context) {
  if (config.files.empty()) {
    refuse_option(at, "files", context,
                  "file service discovery config must contain at least one path name");
    return false;
  }
  if (config.refresh_interval.count() == 0) {
    config.refresh_interval = FileSdConfig().refresh_interval;
  }
  for (std::string& path : config.files) {
    if (!is_file_sd_path(path)) {
      refuse_option(at, "files", context,
                    fmt::format("path name \"{}\" is not valid for file discovery", path),
                    "it ends in .json, .yml or .yaml, and only its last part may hold a *");
      return false;
    }
    path = context.file_path(path);
  }
  return true;
}

bool finish_http_sd(HttpSdConfig& config, const ConfigValue& at, ConfigContext& context) {
  if (config.url.empty()) {
    refuse_option(at, "url", context, "URL is missing");
    return false;
  }
  const auto url = parse_url(config.url);
  if (!url) {
    refuse_option(at, "url", context, url.error().message);
    return false;
  }
  if (config.refresh_interval.count() == 0) {
    config.refresh_interval = HttpSdConfig().refresh_interval;
  }
  return true;
}

}  // namespace

const Schema& static_group_schema() {
  static const Schema schema =
      Schema::of<StaticGroup>(
          {
              option("targets", &StaticGroup::targets, "Targets, each `host:port`."),
              option("labels", &StaticGroup::labels, "Labels of all of them."),
          })
          .finish<StaticGroup>(finish_group);
  return schema;
}

const Schema& file_sd_schema() {
  static const Schema schema =
      Schema::of<FileSdConfig>(
          {
              option("files", &FileSdConfig::files,
                     "Files with target groups (JSON or YAML, by their ending); the last part of a "
                     "path may hold a `*`. They are watched; a broken one keeps the groups that it "
                     "had."),
              option("refresh_interval", &FileSdConfig::refresh_interval,
                     "How often files are looked at even though nothing was heard of a change."),
          })
          .finish<FileSdConfig>(finish_file_sd);
  return schema;
}

const Schema& http_sd_schema() {
  static const Schema schema =
      Schema::of<HttpSdConfig>(
          {
              option("url", &HttpSdConfig::url, "Where target groups are fetched, as JSON."),
              option("refresh_interval", &HttpSdConfig::refresh_interval,
                     "How often. After a failure the groups stay as they were."),
          })
          .with_part(&HttpSdConfig::http, prometheus_http_client_schema())
          .finish<HttpSdConfig>(finish_http_sd);
  return schema;
}

const std::vector<std::string>& missing_discoveries() {
  static const std::vector<std::string> names = {
      "aws_sd_configs",          "azure_sd_configs",     "consul_sd_configs",
      "digitalocean_sd_configs", "dns_sd_configs",       "docker_sd_configs",
      "dockerswarm_sd_configs",  "ec2_sd_configs",       "eureka_sd_configs",
      "gce_sd_configs",          "hetzner_sd_configs",   "ionos_sd_configs",
      "kubernetes_sd_configs",   "kuma_sd_configs",      "lightsail_sd_configs",
      "linode_sd_configs",       "marathon_sd_configs",  "nerve_sd_configs",
      "nomad_sd_configs",        "openstack_sd_configs", "outscale_sd_configs",
      "ovhcloud_sd_configs",     "puppetdb_sd_configs",  "scaleway_sd_configs",
      "serverset_sd_configs",    "stackit_sd_configs",   "triton_sd_configs",
      "uyuni_sd_configs",        "vultr_sd_configs"};
  return names;
}

}  // namespace tailrace::common::prom
