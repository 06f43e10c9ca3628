#include "plugins/outputs/prometheus_remote_write/remote_write_config.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "tailrace/url.h"

#include "codec/header_text.h"
#include "codec/utf8.h"

namespace tailrace::outputs::prometheus_remote_write {

using common::prom::WriteVersion;

namespace {

std::string url_complaint(const std::string& url) {
  const auto parsed = parse_url(url);
  return parsed ? std::string() : parsed.error().message;
}

std::string tenant_complaint(const std::string& tenant) {
  const bool good = std::none_of(tenant.begin(), tenant.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) > '~' || c == '|';
  });
  return good && tenant.size() <= 150
             ? std::string()
             : "a tenant has at most 150 printable characters, no blank and no |";
}

std::string labels_complaint(const StringMap& labels) {
  for (const auto& [name, value] : labels) {
    if (name.empty() || !codec::valid_utf8(name)) {
      return "\"" + name + "\" is not a label name";
    }
    if (name == "__name__") {
      return "__name__ cannot be an external label: it names the metric";
    }
    if (value.empty()) {
      return "the value of " + name + " is empty, and such a label is not there";
    }
    if (!codec::valid_utf8(value)) {
      return "the value of " + name + " is not UTF-8";
    }
  }
  return {};
}

/// Headers that remote write sets itself.
/// Source: Prometheus config/config.go, reservedHeaders.
bool is_reserved(std::string_view header) {
  static constexpr std::string_view kReserved[] = {
      "authorization",       "host",
      "content-encoding",    "content-length",
      "content-type",        "x-prometheus-remote-write-version",
      "user-agent",          "connection",
      "keep-alive",          "proxy-authenticate",
      "proxy-authorization", "www-authenticate",
      "accept-encoding",     "x-prometheus-remote-read-version"};
  return std::find(std::begin(kReserved), std::end(kReserved), header) != std::end(kReserved);
}

/// What our own queue does in its own way: the option is read, and where its meaning went is told.
struct Elsewhere {
  std::string_view option;
  std::string_view ours;
};
constexpr Elsewhere kElsewhere[] = {
    {"capacity", "what may wait in memory and on disk is `buffer: {memory, disk}` of the output"},
    {"max_shards", "requests that may be under way side by side are `shards` of the output"},
    {"min_shards", "requests that may be under way side by side are `shards` of the output"},
    {"batch_send_deadline", "it is `batch: {linger}` of the output"},
    {"min_backoff", "it is `retry: {min_backoff}` of the output"},
    {"max_backoff", "it is `retry: {max_backoff}` of the output"},
};

const Schema& queue_schema() {
  static const Schema schema = Schema::of<QueueConfig>({
      option("capacity", &QueueConfig::capacity,
             "Read for Prometheus's sake; see `buffer.memory` and `buffer.disk`."),
      option("max_shards", &QueueConfig::max_shards, "Read for Prometheus's sake; see `shards`."),
      option("min_shards", &QueueConfig::min_shards, "Read for Prometheus's sake; see `shards`."),
      option("max_samples_per_send", &QueueConfig::max_samples_per_send,
             "Most samples and histograms in one request. Not set: only `batch.bytes` counts.")
          .range("1", "10000000"),
      option("batch_send_deadline", &QueueConfig::batch_send_deadline,
             "Read for Prometheus's sake; see `batch.linger`."),
      option("min_backoff", &QueueConfig::min_backoff,
             "Read for Prometheus's sake; see `retry.min_backoff`."),
      option("max_backoff", &QueueConfig::max_backoff,
             "Read for Prometheus's sake; see `retry.max_backoff`."),
      option("retry_on_http_429", &QueueConfig::retry_on_http_429,
             "Send again what was answered 429. Unlike in Prometheus this is the default."),
      option("sample_age_limit", &QueueConfig::sample_age_limit,
             "Only 0s, which is no limit: what waits too long is bounded by `buffer`."),
  });
  return schema;
}

const Schema& metadata_schema() {
  static const Schema schema = Schema::of<MetadataConfig>({
      option("send", &MetadataConfig::send,
             "Send types, helps and units with the samples of a family (1.0; 2.0 always does)."),
      option("send_interval", &MetadataConfig::send_interval, "How often, for each family.")
          .range("1s", "24h"),
      option("max_samples_per_send", &MetadataConfig::max_samples_per_send,
             "Read for Prometheus's sake: metadata rides with samples, so it needs no limit."),
  });
  return schema;
}

void explain_queue(const ConfigValue& at, ConfigContext& context) {
  const ConfigValue* queue = at.find("queue_config");
  if (queue == nullptr) {
    return;
  }
  for (const auto& [option, ours] : kElsewhere) {
    if (const ConfigValue* value = queue->find(option); value != nullptr) {
      context.issues.warn(value->position, context.path + ".queue_config." + std::string(option),
                          "has no effect here", std::string(ours));
    }
  }
}

}  // namespace

void RemoteWriteConfig::validate(const ConfigValue& at, ConfigContext& context) const {
  const auto place = [&at](std::string_view option) -> const ConfigValue& {
    const ConfigValue* value = at.find(option);
    return value != nullptr ? *value : at;
  };
  for (const auto& [header, value] : http.headers) {
    if (is_reserved(codec::lower_case(header))) {
      context.fail(place("headers"), "the header " + header + " is set by remote write itself");
    }
    if (codec::lower_case(header) == "x-scope-orgid" &&
        (!tenant.empty() || !tenant_label.empty())) {
      context.fail(place("headers"),
                   "the tenant is set twice: by an option and by the header " + header,
                   "leave the header out");
    }
  }
  if (queue_config.sample_age_limit.value_or(Duration{}) != Duration{}) {
    context.fail(place("queue_config"), "sample_age_limit is not supported",
                 "`buffer: {when_full: drop_oldest}` bounds what waits");
  }
  if (round_robin_dns) {
    context.issues.warn(place("round_robin_dns").position, context.path + ".round_robin_dns",
                        "has no effect here",
                        "connections are kept; with `shards` there are several");
  }
  explain_queue(at, context);
}

const Schema& remote_write_schema() {
  using C = RemoteWriteConfig;
  static const Schema schema =
      Schema::of<C>(
          {
              option("url", &C::url, "Where to write: `http://prometheus:9090/api/v1/write`.")
                  .required()
                  .check<std::string>(&C::url, url_complaint),
              choice("protobuf_message", &C::protobuf_message,
                     "Remote write 1.0 or 2.0. A server that does not know 2.0 gets 1.0 from then "
                     "on.",
                     {{"prometheus.WriteRequest", WriteVersion::v1},
                      {"io.prometheus.write.v2.Request", WriteVersion::v2}}),
              option("remote_timeout", &C::remote_timeout, "Longest wait for an answer.")
                  .range("100ms", "10m"),
              option("name", &C::name,
                     "Read for Prometheus's sake: here the output has a name of its own."),
              option("external_labels", &C::external_labels,
                     "Labels for all series that have none of that name (Prometheus's "
                     "`global.external_labels`).")
                  .check<StringMap>(&C::external_labels, labels_complaint),
              objects("write_relabel_configs", &C::write_relabel_configs,
                      "Relabeling before sending, external labels included.",
                      common::prom::relabel_schema())
                  .as_prometheus(),
              option("tenant", &C::tenant,
                     "Tenant of everything that has none of its own (header `X-Scope-OrgID`).")
                  .check<std::string>(&C::tenant, tenant_complaint),
              option("tenant_label", &C::tenant_label,
                     "A label whose value is a series' tenant, after relabeling; it is not sent as "
                     "a label."),
              option("send_exemplars", &C::send_exemplars, "Send exemplars."),
              option("send_native_histograms", &C::send_native_histograms,
                     "Send native histograms in 1.0 too; 2.0 always does."),
              option("round_robin_dns", &C::round_robin_dns,
                     "Read for Prometheus's sake; without effect."),
              object("queue_config", &C::queue_config,
                     "Prometheus's queue; most of it has an option of our own.", queue_schema()),
              object("metadata_config", &C::metadata_config, "Types, helps and units.",
                     metadata_schema()),
          })
          .with_part(&C::http, prometheus_http_client_schema())
          .with_part(&C::http, prometheus_write_client_schema());
  return schema;
}

}  // namespace tailrace::outputs::prometheus_remote_write
