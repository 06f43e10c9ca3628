#include "plugins/converters/metrics_to_otlp/metric_tree.h"

#include "plugins/common/otlp/append_fields.h"
#include "plugins/common/otlp/prometheus_names.h"

namespace tailrace::converters::metrics_to_otlp {

namespace otlp = common::otlp;
using otlp::append_field;

namespace {

constexpr uint64_t kCumulative = 2;

uint32_t field_of(Kind kind) noexcept {
  switch (kind) {
    case Kind::counter:
    case Kind::state:
      return otlp::metric::kSum;
    case Kind::histogram:
      return otlp::metric::kHistogram;
    case Kind::exponential:
      return otlp::metric::kExponentialHistogram;
    case Kind::summary:
      return otlp::metric::kSummary;
    case Kind::gauge:
      break;
  }
  return otlp::metric::kGauge;
}

bool has_temporality(Kind kind) noexcept {
  return kind != Kind::gauge && kind != Kind::summary;
}

}  // namespace

void MetricTree::clear() {
  resources_.clear();
  by_attributes_.clear();
  last_resource_ = 0;
}

uint32_t MetricTree::find_resource(const std::string& attributes) {
  if (last_resource_ < resources_.size() && resources_[last_resource_].attributes == attributes) {
    return last_resource_;
  }
  const auto next = static_cast<uint32_t>(resources_.size());
  const auto [found, is_new] = by_attributes_.try_emplace(attributes, next);
  if (is_new) {
    resources_.emplace_back().attributes = attributes;
  }
  return last_resource_ = found->second;
}

MetricTree::Place MetricTree::find(const SampleHead& head, Kind kind, MetricType type,
                                   const MetricFamily* family) {
  Place place;
  place.resource = find_resource(head.resource);
  std::vector<Scope>& scopes = resources_[place.resource].scopes;
  while (place.scope < scopes.size() && (scopes[place.scope].message != head.scope ||
                                         scopes[place.scope].schema_url != head.schema_url)) {
    ++place.scope;
  }
  if (place.scope == scopes.size()) {
    Scope& made = scopes.emplace_back();
    made.message = head.scope;
    made.schema_url = head.schema_url;
  }
  Scope& scope = scopes[place.scope];
  std::string key(head.metric);
  key += static_cast<char>(kind);
  key += static_cast<char>(type);
  const auto next = static_cast<uint32_t>(scope.metrics.size());
  const auto [found, is_new] = scope.by_name.try_emplace(std::move(key), next);
  if (is_new) {
    scope.metrics.push_back({std::string(head.metric), kind, type, family, {}});
  }
  place.metric = found->second;
  return place;
}

void MetricTree::add_to_resource(const SampleHead& head, std::string_view attributes) {
  Resource& resource = resources_[find_resource(head.resource)];
  resource.more_attributes.append(attributes);
  ++resource.rows;
}

void MetricTree::add_point(const Place& place, std::string_view point) {
  Scope& scope = resources_[place.resource].scopes[place.scope];
  append_field(scope.metrics[place.metric].points, otlp::metric_data::kPoints, point);
}

void MetricTree::encode_metric(const Metric& metric, std::string& out) {
  std::string message;
  append_field(message, otlp::metric::kName, metric.name);
  if (metric.family != nullptr) {
    append_field(message, otlp::metric::kDescription, metric.family->help);
    append_field(message, otlp::metric::kUnit, otlp::unit_of_words(metric.family->unit));
  }
  std::string tail;
  if (has_temporality(metric.kind)) {
    otlp::append_varint(tail, otlp::metric_data::kTemporality, kCumulative);
  }
  if (metric.kind == Kind::counter) {
    otlp::append_varint(tail, otlp::metric_data::kIsMonotonic, 1);
  }
  append_field(message, field_of(metric.kind), metric.points + tail);
  otlp::append_text_attribute(message, otlp::metric::kMetadata, "prometheus.type",
                              to_string(metric.type));
  append_field(out, otlp::scope_x::kRecords, message);
}

void MetricTree::encode(size_t index, std::string& out) const {
  const Resource& resource = resources_[index];
  std::string scopes;
  for (const Scope& scope : resource.scopes) {
    std::string metrics;
    for (const Metric& metric : scope.metrics) {
      if (!metric.points.empty()) {
        encode_metric(metric, metrics);
      }
    }
    if (metrics.empty()) {
      continue;
    }
    std::string message;
    append_field(message, otlp::scope_x::kScope, scope.message);
    message.append(metrics);
    if (!scope.schema_url.empty()) {
      append_field(message, otlp::scope_x::kSchemaUrl, scope.schema_url);
    }
    append_field(scopes, otlp::resource_x::kScopes, message);
  }
  if (!scopes.empty()) {
    append_field(out, otlp::resource_x::kResource, resource.attributes + resource.more_attributes);
    out.append(scopes);
  }
}

}  // namespace tailrace::converters::metrics_to_otlp
