#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/metric_batch.h"

#include "plugins/common/prom/series_row.h"

namespace tailrace::outputs::prometheus_remote_write {

/// The exemplars of a batch, by series.
/// Lifetime: views of the batch.
class ExemplarIndex {
 public:
  void assign(std::span<const ExemplarRow> exemplars);
  bool empty() const noexcept { return keys_.empty(); }
  /// Those of a series, the first time that it is asked for; nothing afterwards.
  std::span<const common::prom::ExemplarView> take(const MetricSeries* series) noexcept;
  /// Series whose exemplars nobody took.
  std::vector<const MetricSeries*> left() const;

 private:
  struct Key {
    const MetricSeries* series;
    uint32_t count;
    uint32_t first;
    bool taken;
  };
  std::vector<Key> keys_;  // sorted by address
  std::vector<common::prom::ExemplarView> views_;
};

/// Rows in groups of one tenant and one shard each; the order within a group stays.
class RowGroups {
 public:
  struct Group {
    std::string_view tenant;
    uint64_t shard = 0;
    std::vector<common::prom::SeriesRow> rows;
  };
  void clear() noexcept;
  void add(std::string_view tenant, uint64_t shard, const common::prom::SeriesRow& row);
  /// In the order in which each had its first row.
  std::span<Group> groups() noexcept { return {groups_.data(), used_}; }

 private:
  std::vector<Group> groups_;  // those behind used_ keep their memory
  size_t used_ = 0;
  size_t last_ = 0;
};

}  // namespace tailrace::outputs::prometheus_remote_write
