#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tailrace/metric_batch.h"

#include "plugins/common/prom/metric_rows.h"
#include "plugins/common/prom/write_reader.h"

namespace tailrace::inputs::prometheus_remote_write {

/// What clients of 1.0 said about families: it comes in requests of its own.
/// Memory is bounded: beyond `kMost` families, and for texts beyond `kMostText`, nothing is kept.
class FamilyBook {
 public:
  static constexpr size_t kMost = 20'000;
  static constexpr size_t kMostText = 2'000;

  void learn(const common::prom::MetadataView& metadata);
  /// The family that a metric belongs to: of its own name, or without `_bucket`, `_sum`, `_count`.
  const MetricFamily* find(std::string_view metric) const;
  size_t size() const noexcept { return families_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, MetricFamily, Hash, std::equal_to<>> families_;
};

/// Gathers series of a body into one MetricBatch.
/// Lifetime: what series point to must live until clear().
class BatchFiller {
 public:
  /// `tenant_label` with a value: a label for every series; its bytes come from `arena`.
  void add(const common::prom::DecodedSeries& series, const FamilyBook& families,
           std::string_view tenant_label, std::string_view tenant, Arena& arena);
  /// Enough for one batch, which ends between two points unless one never ends.
  bool full() const noexcept { return rows_.records() >= (ends_point_ ? kRows : kMostRows); }
  bool empty() const noexcept { return rows_.empty(); }
  /// Views of what was gathered.
  MetricBatch batch();
  void clear();
  /// Gives memory back that a large body took.
  void release();

 private:
  static constexpr size_t kRows = 4096;
  static constexpr size_t kMostRows = 2 * kRows;

  std::string_view with_label(std::string_view encoded, const Label& label, Arena& arena);
  const MetricFamily* family_of(const common::prom::DecodedSeries& series,
                                const FamilyBook& families);

  std::deque<MetricSeries> series_;
  std::deque<MetricFamily> own_families_;  // of 2.0
  std::string_view last_metric_;
  const MetricFamily* last_family_ = nullptr;
  bool is_total_ = false;   // the last series is the sum or the count of a point
  bool ends_point_ = true;  // nothing that belongs to the last series' point will come
  common::prom::MetricRows rows_;
  std::vector<Label> labels_;
};

}  // namespace tailrace::inputs::prometheus_remote_write
