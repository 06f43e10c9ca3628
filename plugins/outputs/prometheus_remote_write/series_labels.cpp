#include "plugins/outputs/prometheus_remote_write/series_labels.h"

#include <algorithm>

#include "plugins/common/prom/added_labels.h"
#include "plugins/common/prom/label_encoding.h"

namespace tailrace::outputs::prometheus_remote_write {

namespace {

/// Headers hold no control characters, and `|` joins tenants.
std::string clean_tenant(std::string_view tenant) {
  std::string out(tenant.substr(0, 150));
  std::replace_if(
      out.begin(), out.end(),
      [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) > '~' ||
               c == '|';
      },
      '_');
  return out;
}

}  // namespace

std::unique_ptr<SeriesLabels> SeriesLabeler::make(std::string_view encoded) {
  auto made = std::make_unique<SeriesLabels>();
  made->tenant = config_.tenant;
  labels_.clear();
  for (const Label& label : EncodedLabels(encoded)) {
    labels_.push_back(label);
  }
  builder_.assign(labels_);
  common::prom::add_external_labels(config_.external_labels, builder_);
  if (!common::prom::relabel(config_.write_relabel_configs, builder_)) {
    return made;
  }
  if (!config_.tenant_label.empty() && builder_.has(config_.tenant_label)) {
    made->tenant = clean_tenant(builder_.get(config_.tenant_label));
    builder_.erase(config_.tenant_label);
  }
  common::prom::encode_labels(made->encoded, builder_.labels());
  made->hash = series_hash(made->encoded);
  return made;
}

}  // namespace tailrace::outputs::prometheus_remote_write
