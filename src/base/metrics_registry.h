#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/metrics.h"

namespace tailrace {

/// All metrics of the agent. Counters are written by their lanes without locks; making one and
/// reading all take the registry's lock.
class MetricsRegistry {
 public:
  enum class Type { counter, gauge, histogram };

  struct Sample {
    MetricLabels labels;  // sorted by name
    double value = 0;     // counter, gauge: summed over lanes
    std::vector<double> bounds;
    std::vector<uint64_t> buckets;  // cumulative, the last is +Inf
    double sum = 0;
  };
  struct Family {
    std::string name;  // with the prefix
    std::string help;
    Type type;
    std::vector<Sample> samples;  // sorted by labels
  };

  /// A lane's door for one component, whose labels are added to every metric. Lives as long as the
  /// registry.
  Metrics& scope(uint32_t lane, MetricLabels component_labels);

  /// Something whose numbers are only known when asked (files on disk, a spool). Called with the
  /// lock not held, before every read, on the reading thread.
  void on_read(std::function<void()> refresh);

  /// Everything, sorted by name; lanes summed.
  std::vector<Family> read();

 private:
  struct Cell;
  class Scope;
  Cell& cell(Type type, uint32_t lane, std::string_view name, std::string_view help,
             MetricLabels labels, std::vector<double> bounds);

  struct FamilyState {
    std::string help;
    Type type;
    // (labels, lane) -> the cell
    std::map<std::pair<MetricLabels, uint32_t>, Cell*> cells;
  };
  std::mutex mutex_;
  std::map<std::string, FamilyState, std::less<>> families_;
  std::deque<std::unique_ptr<Cell>> cells_;
  std::deque<std::unique_ptr<Metrics>> scopes_;
  std::vector<std::function<void()>> refreshers_;

 public:
  MetricsRegistry();
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;
};

}  // namespace tailrace
