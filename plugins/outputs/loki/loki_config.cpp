#include "plugins/outputs/loki/loki_config.h"

#include "tailrace/labels.h"
#include "tailrace/url.h"

#include "codec/utf8.h"
#include "plugins/outputs/loki/stream_labels.h"

namespace tailrace::outputs::loki {
namespace {

std::string url_complaint(const std::string& url) {
  const auto parsed = parse_url(url);
  return parsed ? std::string() : parsed.error().message;
}

std::string tenant_complaint(const std::string& tenant) {
  return tenant == clean_tenant(tenant)
             ? std::string()
             : "a tenant has at most 150 letters, digits and any of !-_.*'()";
}

std::string label_name_complaint(const std::string& name) {
  return name.empty() || is_label_name(name)
             ? std::string()
             : "\"" + name + "\" is not a label name (letters, digits and _, no digit first)";
}

std::string labels_complaint(const StringMap& labels) {
  for (const auto& [name, value] : labels) {
    if (name.empty() || !is_label_name(name)) {
      return "\"" + name + "\" is not a label name (letters, digits and _, no digit first)";
    }
    if (value.empty()) {
      return "the value of " + name + " is empty; Loki drops such labels";
    }
    if (!codec::valid_utf8(value)) {
      return "the value of " + name + " is not UTF-8";
    }
  }
  return {};
}

ConfigPosition position_of(const ConfigValue& at, std::string_view option) {
  const ConfigValue* value = at.find(option);
  return value != nullptr ? value->position : at.position;
}

bool is_tenant_header(std::string_view name) {
  constexpr std::string_view kHeader = "x-scope-orgid";
  if (name.size() != kHeader.size()) {
    return false;
  }
  for (size_t i = 0; i < name.size(); ++i) {
    if ((name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]) != kHeader[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

void LokiConfig::validate(const ConfigValue& at, ConfigContext& context) const {
  if (std::string wrong = complaint(http); !wrong.empty()) {
    context.fail(at, std::move(wrong));
  }
  for (const auto& [name, value] : http.headers) {
    if (is_tenant_header(name) && (!tenant.empty() || !tenant_label.empty())) {
      context.fail(at, "the tenant is set twice: by an option and by the header " + name,
                   "leave the header out");
    }
  }
  if (const auto parsed = parse_url(url); parsed && !parsed->path.ends_with("/push")) {
    context.issues.warn(position_of(at, "url"), context.path + ".url",
                        "does not look like Loki's push endpoint",
                        "usually http://host:3100/loki/api/v1/push");
  }
}

const Schema& loki_schema() {
  static const Schema schema =
      Schema::of<LokiConfig>(
          {
              option("url", &LokiConfig::url,
                     "Where to push, with the path: `http://loki:3100/loki/api/v1/push`.")
                  .required()
                  .check<std::string>(&LokiConfig::url, url_complaint),
              option("tenant", &LokiConfig::tenant,
                     "Tenant of everything that has none of its own (header `X-Scope-OrgID`).")
                  .check<std::string>(&LokiConfig::tenant, tenant_complaint),
              option("tenant_label", &LokiConfig::tenant_label,
                     "A label whose value is a stream's tenant; it is not sent as a label.")
                  .check<std::string>(&LokiConfig::tenant_label, label_name_complaint),
              option("labels", &LokiConfig::labels,
                     "Labels for all streams that have none of that name.")
                  .check<StringMap>(&LokiConfig::labels, labels_complaint),
              option("structured_metadata", &LokiConfig::structured_metadata,
                     "Send structured metadata. Switch it off for a Loki before 2.9 or a schema "
                     "before v13, which refuse it. What has a name without an ASCII letter or "
                     "digit is left out: Loki would refuse the whole request."),
              option("detected_level", &LokiConfig::detected_level,
                     "Send a known severity as the metadata `detected_level`, as Loki itself would "
                     "name it."),
              choice("compression", &LokiConfig::compression,
                     "`none` spends no CPU on it and sends about four times as many bytes.",
                     {{"snappy", BodyCompression::snappy}, {"none", BodyCompression::none}}),
              option("timeout", &LokiConfig::timeout, "Longest wait for an answer.")
                  .range("100ms", "10m"),
          })
          .with_part(&LokiConfig::http, http_client_schema());
  return schema;
}

}  // namespace tailrace::outputs::loki
