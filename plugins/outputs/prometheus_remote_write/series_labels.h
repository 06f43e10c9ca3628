#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tailrace/metric_batch.h"

#include "plugins/common/prom/label_builder.h"
#include "plugins/outputs/prometheus_remote_write/remote_write_config.h"

namespace tailrace::outputs::prometheus_remote_write {

/// A series as this output sends it, where that is not as it came. Kept with the series.
struct SeriesLabels final : LabelAttachment {
  std::string encoded;  ///< Empty: the series is not sent.
  std::string tenant;   ///< With tenant_label.
  uint64_t hash = 0;

  size_t bytes() const noexcept override {
    return sizeof *this + encoded.capacity() + tenant.capacity();
  }
};

/// Makes SeriesLabels: external labels, then write_relabel_configs, then the tenant's label.
/// Lane: keeps scratch memory; one user at a time.
class SeriesLabeler {
 public:
  explicit SeriesLabeler(const RemoteWriteConfig& config) : config_(config) {}
  /// False: series are sent as they are.
  bool changes_anything() const noexcept {
    return !config_.external_labels.empty() || !config_.write_relabel_configs.empty() ||
           !config_.tenant_label.empty();
  }
  std::unique_ptr<SeriesLabels> make(std::string_view encoded);

 private:
  const RemoteWriteConfig& config_;
  common::prom::LabelBuilder builder_;
  std::vector<Label> labels_;
};

}  // namespace tailrace::outputs::prometheus_remote_write
