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
  using Type = OwnMetric::Type;
  using Sample = OwnMetric::Sample;
  using Family = OwnMetric;

  /// A lane's door for one component, whose labels are added to every metric. Lives as long as the
  /// registry.
  Metrics& scope(uint32_t lane, MetricLabels component_labels);

  /// Something whose numbers are only known when asked (files on disk, a spool). Called with the
  /// lock not held, before every read, on the reading thread; one read at a time.
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
  std::mutex reading_;  // refreshers write what has one writer
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
