#pragma once

#include <string>
#include <vector>

#include "base/metrics_registry.h"

namespace tailrace::admin {

/// Families in Prometheus's text format 0.0.4. Source: exposition_formats.md, wire-facts 3.
std::string to_prometheus_text(const std::vector<MetricsRegistry::Family>& families);
inline constexpr const char* kPrometheusTextType = "text/plain; version=0.0.4; charset=utf-8";

/// process_* and tailrace_build_info, as Prometheus's client libraries name them. Called before
/// every read of the registry.
void update_process_metrics(Metrics& metrics);

}  // namespace tailrace::admin
