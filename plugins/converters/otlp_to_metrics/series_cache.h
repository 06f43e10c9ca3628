#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tailrace/clock.h"
#include "tailrace/metric_batch.h"

#include "plugins/converters/otlp_to_metrics/memory_share.h"

namespace tailrace::converters::otlp_to_metrics {

/// Encoded labels of the rows that points had before: applications send the same series again and
/// again.
///
/// Shape:    by what all points of a resource (and a scope) have in common, then by all that
///           decides on the labels of one point's rows.
/// Memory:   at most `limit` bytes, and an eighth of the account, which others need more. When
///           there is no more nothing is learnt, and once a minute all is forgotten, so that series
///           of the past give way.
/// Lifetime: entries live until the next begin_unit().
class SeriesCache {
 public:
  static constexpr int64_t kForgetEveryNs = 60'000'000'000;

  struct Row {
    std::string_view labels;  ///< As MetricSeries::encoded_labels.
    uint64_t hash = 0;
  };
  struct Entry {
    std::vector<Row> rows;
    std::string text;  ///< All labels of the rows.
  };

  SeriesCache(size_t limit, MemoryAccount& account, const Clock& clock)
      : memory_(account, std::min(limit, account.capacity() / 8)), clock_(clock) {}

  void begin_unit();
  /// What follows is about points that have this in common.
  void begin_context(std::string_view context);
  /// The rows of a point in their order; null when it is not known.
  const Entry* find(std::string_view point) const;
  void learn(std::string_view point, std::span<const MetricSeries> rows);
  size_t bytes() const noexcept { return memory_.bytes(); }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const noexcept {
      return static_cast<size_t>(series_hash(text));
    }
  };
  template <class T>
  using ByText = std::unordered_map<std::string, T, Hash, std::equal_to<>>;
  using Context = ByText<Entry>;

  /// Room for so much; false when there is none.
  bool take(size_t bytes) noexcept;

  MemoryShare memory_;
  const Clock& clock_;
  ByText<Context> contexts_;
  Context* context_ = nullptr;  // null: there was no room for one
  bool is_full_ = false;
  std::optional<int64_t> forgot_ns_;
};

}  // namespace tailrace::converters::otlp_to_metrics
