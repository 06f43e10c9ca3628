#include "plugins/outputs/prometheus_remote_write/row_group.h"

#include <algorithm>
#include <functional>

namespace tailrace::outputs::prometheus_remote_write {

using common::prom::ExemplarView;
using common::prom::SeriesRow;

void ExemplarIndex::assign(std::span<const ExemplarRow> exemplars) {
  keys_.clear();
  views_.clear();
  std::vector<uint32_t> order(exemplars.size());
  for (uint32_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return std::less<>()(exemplars[a].series, exemplars[b].series);
  });
  for (const uint32_t i : order) {
    const ExemplarRow& row = exemplars[i];
    if (keys_.empty() || keys_.back().series != row.series) {
      keys_.push_back({row.series, 0, static_cast<uint32_t>(views_.size()), false});
    }
    ++keys_.back().count;
    views_.push_back({row.labels, row.value, row.timestamp});
  }
}

std::span<const ExemplarView> ExemplarIndex::take(const MetricSeries* series) noexcept {
  const auto key = std::lower_bound(
      keys_.begin(), keys_.end(), series,
      [](const Key& a, const MetricSeries* b) { return std::less<>()(a.series, b); });
  if (key == keys_.end() || key->series != series || key->taken) {
    return {};
  }
  key->taken = true;
  return {views_.data() + key->first, key->count};
}

std::vector<const MetricSeries*> ExemplarIndex::left() const {
  std::vector<const MetricSeries*> series;
  for (const Key& key : keys_) {
    if (!key.taken) {
      series.push_back(key.series);
    }
  }
  // By what they are, not by where they lie: the same in every run.
  std::sort(series.begin(), series.end(), [](const MetricSeries* a, const MetricSeries* b) {
    return a->encoded_labels < b->encoded_labels;
  });
  return series;
}

void RowGroups::clear() noexcept {
  for (size_t i = 0; i < used_; ++i) {
    groups_[i].rows.clear();
  }
  used_ = 0;
  last_ = 0;
}

void RowGroups::add(std::string_view tenant, uint64_t shard, const SeriesRow& row) {
  const auto is_it = [&](const Group& group) {
    return group.shard == shard && group.tenant == tenant;
  };
  if (last_ >= used_ || !is_it(groups_[last_])) {
    last_ = 0;
    while (last_ < used_ && !is_it(groups_[last_])) {
      ++last_;
    }
    if (last_ == used_) {
      if (used_ == groups_.size()) {
        groups_.emplace_back();
      }
      groups_[used_].tenant = tenant;
      groups_[used_].shard = shard;
      ++used_;
    }
  }
  groups_[last_].rows.push_back(row);
}

}  // namespace tailrace::outputs::prometheus_remote_write
