#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tailrace {

/// A monotone count with one writer (its lane); any thread may read it.
class Counter {
 public:
  void add(uint64_t n) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void increment() noexcept { add(1); }
  uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// A level with one writer (its lane); lanes' values of one series are summed when read.
class Gauge {
 public:
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void add(double delta) noexcept { set(value() + delta); }
  double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// A cumulative histogram with one writer. Bounds are fixed at construction.
class Histogram {
 public:
  explicit Histogram(std::vector<double> upper_bounds);
  void observe(double value) noexcept;
  std::span<const double> bounds() const noexcept { return bounds_; }
  /// Count in bucket i, not cumulative; i == bounds().size() is +Inf.
  uint64_t bucket(size_t i) const noexcept { return buckets_[i].value(); }
  double sum() const noexcept { return sum_.value(); }

 private:
  std::vector<double> bounds_;
  std::vector<Counter> buckets_;
  Gauge sum_;
};

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

/// A picture of one of the agent's own metrics, all lanes added up.
struct OwnMetric {
  enum class Type : uint8_t { counter, gauge, histogram };
  struct Sample {
    MetricLabels labels;  ///< Sorted by name.
    double value = 0;     ///< Counter, gauge.
    std::vector<double> bounds;
    std::vector<uint64_t> buckets;  ///< Cumulative, the last is +Inf.
    double sum = 0;
  };
  std::string name;  ///< With the prefix.
  std::string help;
  Type type = Type::counter;
  std::vector<Sample> samples;  ///< Sorted by labels.
};

/// Makes the counters of one component on one lane. The component's own labels (component_kind,
/// component, type) are added by the engine. Asking twice for one name and labels gives the same
/// object. Objects live as long as the agent.
///
/// Names: Prometheus's rules, without the `tailrace_` prefix; counters end in `_total`; base units
/// (`_seconds`, `_bytes`). `help` is one sentence and must be the same wherever the name is used.
class Metrics {
 public:
  virtual ~Metrics() = default;
  virtual Counter& counter(std::string_view name, std::string_view help,
                           MetricLabels labels = {}) = 0;
  virtual Gauge& gauge(std::string_view name, std::string_view help, MetricLabels labels = {}) = 0;
  virtual Histogram& histogram(std::string_view name, std::string_view help,
                               std::vector<double> upper_bounds, MetricLabels labels = {}) = 0;
};

}  // namespace tailrace
