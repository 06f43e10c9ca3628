#include "plugins/converters/metrics_to_otlp/sample.h"

#include <cmath>

#include "codec/decimal.h"
#include "plugins/common/otlp/append_fields.h"

namespace tailrace::converters::metrics_to_otlp {

namespace otlp = common::otlp;

namespace {

/// Of who made OTLP of it, where no label tells of another scope.
constexpr std::string_view kOwnScope = "tailrace";
constexpr std::string_view kScopePrefix = "otel_scope_";

void add_to_resource(SampleHead& head, std::string_view name, std::string_view value) {
  otlp::append_text_attribute(head.resource, otlp::resource::kAttributes, name, value);
}

/// `namespace/name`, or a name alone.
void add_job(SampleHead& head, std::string_view job) {
  const size_t slash = job.find('/');
  if (slash != std::string_view::npos && job.find('/', slash + 1) == std::string_view::npos) {
    add_to_resource(head, "service.namespace", job.substr(0, slash));
    job.remove_prefix(slash + 1);
  }
  add_to_resource(head, "service.name", job);
}

bool take_suffix(std::string_view& name, std::string_view suffix) noexcept {
  if (!name.ends_with(suffix) || name.size() == suffix.size()) {
    return false;
  }
  name.remove_suffix(suffix.size());
  return true;
}

Role role_of(MetricType type, std::string_view& name) noexcept {
  if (type != MetricType::histogram && type != MetricType::summary) {
    return Role::value;
  }
  if (take_suffix(name, "_sum")) {
    return Role::sum;
  }
  if (take_suffix(name, "_count")) {
    return Role::count;
  }
  if (type == MetricType::summary) {
    return Role::quantile;
  }
  return take_suffix(name, "_bucket") ? Role::bucket : Role::value;
}

std::string_view bound_label(Role role) noexcept {
  return role == Role::bucket ? "le" : role == Role::quantile ? "quantile" : "";
}

/// The number of the field for a data point's attributes.
uint32_t attribute_field(As as, const MetricSeries& series, Role role) noexcept {
  static_assert(otlp::number_point::kAttributes == otlp::summary_point::kAttributes);
  if (as == As::native) {
    return otlp::exponential_point::kAttributes;
  }
  const bool is_part = role != Role::value && series.family->type == MetricType::histogram;
  return as == As::custom || is_part ? otlp::histogram_point::kAttributes
                                     : otlp::number_point::kAttributes;
}

}  // namespace

void read_head(const MetricSeries& series, As as, const MetricsToOtlpConfig& config,
               SampleHead& head) {
  head.resource.clear();
  head.scope.clear();
  head.attributes.clear();
  head.schema_url = {};
  head.name = head.metric = {};
  head.role = Role::value;
  const EncodedLabels labels(series.encoded_labels);
  for (const Label& label : labels) {
    if (label.name == "__name__") {
      head.name = head.metric = label.value;
      if (series.family != nullptr && as == As::row) {
        head.role = role_of(series.family->type, head.metric);
      }
      break;
    }
  }
  bool has_bound = false;
  std::string_view scope_name;
  std::string_view scope_version;
  std::string scope_attributes;
  const std::string_view bound_name = bound_label(head.role);
  const uint32_t field = attribute_field(as, series, head.role);
  for (const Label& label : labels) {
    if (label.name == "__name__") {
      continue;
    }
    if (!bound_name.empty() && label.name == bound_name) {
      has_bound = codec::parse_decimal(label.value, head.bound) && !std::isnan(head.bound);
    } else if (label.name == "job") {
      add_job(head, label.value);
    } else if (label.name == "instance") {
      add_to_resource(head, "service.instance.id", label.value);
    } else if (const auto wanted = config.resource_labels.find(std::string(label.name));
               wanted != config.resource_labels.end()) {
      add_to_resource(head, wanted->second, label.value);
    } else if (label.name == "otel_scope_name") {
      scope_name = label.value;
    } else if (label.name == "otel_scope_version") {
      scope_version = label.value;
    } else if (label.name == "otel_scope_schema_url") {
      head.schema_url = label.value;
    } else if (label.name.starts_with(kScopePrefix)) {
      otlp::append_text_attribute(scope_attributes, otlp::scope::kAttributes,
                                  label.name.substr(kScopePrefix.size()), label.value);
    } else {
      otlp::append_text_attribute(head.attributes, field, label.name, label.value);
    }
  }
  if (!bound_name.empty() && !has_bound) {  // only the name is like the family's own
    read_head(series, As::single, config, head);
    return;
  }
  if (scope_name.empty() && scope_version.empty() && scope_attributes.empty()) {
    scope_name = kOwnScope;
  }
  otlp::append_field(head.scope, otlp::scope::kName, scope_name);
  if (!scope_version.empty()) {
    otlp::append_field(head.scope, otlp::scope::kVersion, scope_version);
  }
  head.scope.append(scope_attributes);
}

}  // namespace tailrace::converters::metrics_to_otlp
