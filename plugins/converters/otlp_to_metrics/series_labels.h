#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tailrace/arena.h"
#include "tailrace/labels.h"

#include "plugins/common/otlp/value_text.h"
#include "plugins/common/prom/label_builder.h"
#include "plugins/converters/otlp_to_metrics/otlp_to_metrics_config.h"

namespace tailrace::converters::otlp_to_metrics {

/// Labels of the series that come of a resource's points.
///
/// Order: a point's attributes; where two get one name their values are joined by `;`. Then
/// promoted
///        resource attributes, where the name is free; those of the scope; `job` and `instance`.
/// Lifetime: texts are views of messages, or lie in arenas of the object's own or in the one given.
/// Source: Prometheus storage/remote/otlptranslator/prometheusremotewrite/helper.go.
class SeriesLabels {
 public:
  explicit SeriesLabels(const OtlpToMetricsConfig& config);

  /// Begins with a resource: a checked ResourceMetrics message.
  void begin_resource(std::string_view message);
  /// And one of its scopes: a checked ScopeMetrics message.
  void begin_scope(std::string_view message);

  /// Appends what tells the labels of the scope from those of another one.
  void append_scope(std::string& to) const;

  /// Sets `out` to the labels of a point, but for the metric's name. False when an attribute's name
  /// cannot be one of a label. `arena` holds texts.
  bool make(const std::vector<std::string_view>& attributes, Arena& arena,
            common::prom::LabelBuilder& out);
  /// The same for target_info; false when the resource has nothing for it.
  bool make_target_info(Arena& arena, common::prom::LabelBuilder& out);

 private:
  struct Attribute {
    std::string_view name;
    std::string_view value;
  };
  using Attributes = std::vector<Attribute>;

  /// Of the resource; null when it has none of this name.
  const Attribute* find(std::string_view name) const noexcept;
  void read_attribute(std::string_view message, Arena& arena, Attributes& to) const;
  std::string_view label_name(std::string_view name, Arena& arena) const;
  bool add_attributes(Attributes& attributes, Arena& arena, common::prom::LabelBuilder& out) const;
  void add_identity(common::prom::LabelBuilder& out) const;
  bool is_promoted(std::string_view attribute) const noexcept;

  const OtlpToMetricsConfig& config_;
  Arena resource_texts_;
  Arena scope_texts_;
  Attributes resource_;
  std::string_view job_;
  std::string_view instance_;
  std::vector<Label> promoted_;
  std::vector<Label> of_scope_;
  Attributes scratch_;
};

}  // namespace tailrace::converters::otlp_to_metrics
