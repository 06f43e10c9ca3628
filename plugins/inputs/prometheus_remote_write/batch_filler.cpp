#include "plugins/inputs/prometheus_remote_write/batch_filler.h"

#include <algorithm>
#include <utility>

#include "plugins/common/prom/label_encoding.h"
#include "plugins/common/prom/point_rows.h"

namespace tailrace::inputs::prometheus_remote_write {

using common::prom::DecodedSeries;
using common::prom::has_parts;
using common::prom::MetadataView;

namespace {

constexpr std::string_view kSuffixes[] = {"_bucket", "_sum", "_count"};

std::string_view base_name(std::string_view metric) {
  for (const std::string_view suffix : kSuffixes) {
    if (metric.ends_with(suffix)) {
      return metric.substr(0, metric.size() - suffix.size());
    }
  }
  return metric;
}

/// Senders put the totals of a histogram or a summary behind its other rows, in either order.
bool is_total(std::string_view metric) {
  return metric.ends_with("_sum") || metric.ends_with("_count") || metric.ends_with("_gsum") ||
         metric.ends_with("_gcount");
}

}  // namespace

void FamilyBook::learn(const MetadataView& metadata) {
  if (metadata.family_name.empty() || metadata.family_name.size() > kMostText ||
      metadata.help.size() > kMostText || metadata.unit.size() > kMostText) {
    return;
  }
  auto known = families_.find(metadata.family_name);
  if (known == families_.end()) {
    if (families_.size() >= kMost) {
      return;
    }
    known = families_.emplace(metadata.family_name, MetricFamily()).first;
    known->second.name = metadata.family_name;
  }
  known->second.type = metadata.type;
  known->second.help = metadata.help;
  known->second.unit = metadata.unit;
}

const MetricFamily* FamilyBook::find(std::string_view metric) const {
  if (families_.empty()) {
    return nullptr;
  }
  auto known = families_.find(metric);
  if (known == families_.end()) {
    known = families_.find(base_name(metric));
    if (known == families_.end() || !has_parts(known->second.type)) {
      return nullptr;
    }
  }
  return &known->second;
}

std::string_view BatchFiller::with_label(std::string_view encoded, const Label& label,
                                         Arena& arena) {
  labels_.clear();
  bool placed = false;
  for (const Label& other : EncodedLabels(encoded)) {
    if (!placed && label.name <= other.name) {
      labels_.push_back(label);
      placed = true;
    }
    if (other.name != label.name) {
      labels_.push_back(other);
    }
  }
  if (!placed) {
    labels_.push_back(label);
  }
  const size_t size = common::prom::encoded_labels_size(labels_);
  char* to = arena.array<char>(size);
  common::prom::encode_labels(to, labels_);
  return {to, size};
}

const MetricFamily* BatchFiller::family_of(const DecodedSeries& series,
                                           const FamilyBook& families) {
  if (!series.has_metadata) {
    if (series.metric != last_metric_) {
      last_metric_ = series.metric;
      last_family_ = families.find(series.metric);
    }
    return last_family_;
  }
  const MetadataView& metadata = series.metadata;
  const std::string_view name = has_parts(metadata.type) ? base_name(series.metric) : series.metric;
  if (!own_families_.empty()) {
    const MetricFamily& last = own_families_.back();
    if (last.name == name && last.type == metadata.type && last.help == metadata.help &&
        last.unit == metadata.unit) {
      return &last;
    }
  }
  own_families_.push_back(
      {std::string(name), metadata.type, std::string(metadata.help), std::string(metadata.unit)});
  return &own_families_.back();
}

void BatchFiller::add(const DecodedSeries& series, const FamilyBook& families,
                      std::string_view tenant_label, std::string_view tenant, Arena& arena) {
  MetricSeries& made = series_.emplace_back();
  made.encoded_labels =
      tenant.empty() ? series.labels : with_label(series.labels, {tenant_label, tenant}, arena);
  made.hash = series_hash(made.encoded_labels);
  made.family = family_of(series, families);
  for (const auto& sample : series.samples) {
    rows_.add_sample(made, sample.timestamp, sample.value, sample.created);
  }
  for (const auto& histogram : series.histograms) {
    rows_.add(HistogramRow{&made, histogram.timestamp, histogram.created, &histogram.histogram});
  }
  for (const auto& exemplar : series.exemplars) {
    rows_.add(ExemplarRow{&made, exemplar.labels, exemplar.value, exemplar.timestamp});
  }
  const bool was_total = std::exchange(is_total_, is_total(series.metric));
  const bool is_part =
      made.family != nullptr && has_parts(made.family->type) && series.histograms.empty();
  ends_point_ = !is_part || (is_total_ && was_total && series_.size() > 1 &&
                             common::prom::are_of_one_point(series_[series_.size() - 2], made));
}

MetricBatch BatchFiller::batch() {
  MetricBatch batch;
  rows_.show_in(batch);
  return batch;
}

void BatchFiller::clear() {
  series_.clear();
  own_families_.clear();
  is_total_ = false;
  last_metric_ = {};
  last_family_ = nullptr;
  rows_.clear();
}

void BatchFiller::release() {
  clear();
  rows_ = {};
}

}  // namespace tailrace::inputs::prometheus_remote_write
