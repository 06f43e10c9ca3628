#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tailrace/metric_batch.h"

#include "plugins/converters/metrics_to_otlp/sample.h"

namespace tailrace::converters::metrics_to_otlp {

/// A kind of OTLP metric.
enum class Kind : uint8_t { gauge, counter, state, histogram, exponential, summary };

/// Resources, their scopes, their metrics and the points of these, in the order in which they came.
class MetricTree {
 public:
  /// Where a metric is: good until clear().
  struct Place {
    uint32_t resource = 0;
    uint32_t scope = 0;
    uint32_t metric = 0;
  };

  void clear();
  /// The place of a metric, made when it is not there yet. `type` is told as `prometheus.type`.
  Place find(const SampleHead& head, Kind kind, MetricType type, const MetricFamily* family);
  /// More attributes of a resource: whole fields.
  void add_to_resource(const SampleHead& head, std::string_view attributes);
  /// Adds an encoded data point.
  void add_point(const Place& place, std::string_view point);
  /// `rows` more rows stand in a resource.
  void add_rows(const Place& place, uint32_t rows) { resources_[place.resource].rows += rows; }

  size_t resources() const noexcept { return resources_.size(); }
  uint32_t rows(size_t resource) const noexcept { return resources_[resource].rows; }
  /// Appends a ResourceMetrics message; nothing when the resource has no points.
  void encode(size_t resource, std::string& out) const;

 private:
  struct Metric {
    std::string name;
    Kind kind = Kind::gauge;
    MetricType type = MetricType::unknown;
    const MetricFamily* family = nullptr;  // may be null
    std::string points;                    // whole fields
  };
  struct Scope {
    std::string message;
    std::string schema_url;
    std::vector<Metric> metrics;
    std::unordered_map<std::string, uint32_t> by_name;  // and kind
  };
  struct Resource {
    std::string attributes;
    std::string more_attributes;
    uint32_t rows = 0;
    std::vector<Scope> scopes;
  };

  uint32_t find_resource(const std::string& attributes);
  static void encode_metric(const Metric& metric, std::string& out);

  std::vector<Resource> resources_;
  std::unordered_map<std::string, uint32_t> by_attributes_;
  uint32_t last_resource_ = 0;
};

}  // namespace tailrace::converters::metrics_to_otlp
