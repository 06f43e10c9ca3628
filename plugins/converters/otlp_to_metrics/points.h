#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace tailrace::converters::otlp_to_metrics {

enum class Kind : uint8_t { none, gauge, sum, histogram, exponential, summary };
enum class Temporality : uint8_t { unspecified, delta, cumulative };

/// What a Metric message says of all its points.
struct MetricHead {
  std::string_view name;
  std::string_view unit;
  std::string_view description;
  std::string_view prometheus_type;  ///< metadata `prometheus.type`, or ""
  Kind kind = Kind::none;
  Temporality temporality = Temporality::unspecified;
  bool is_monotonic = false;
  std::string_view data;  ///< The message that holds the points.

  bool has_temporality() const noexcept {
    return kind == Kind::sum || kind == Kind::histogram || kind == Kind::exponential;
  }
};
/// Reads a checked Metric message.
MetricHead read_metric(std::string_view message) noexcept;

/// A run of counts in exponential buckets.
struct Buckets {
  int64_t offset = 0;
  std::vector<uint64_t> counts;
};

/// The numbers of a data point of any kind; which members count depends on it.
struct PointValues {
  uint64_t start = 0;  ///< ns since the Unix epoch, like time.
  uint64_t time = 0;
  double value = 0;    ///< Of gauges and sums.
  uint64_t count = 0;  ///< Of histograms and summaries.
  std::optional<double> sum;
  std::vector<uint64_t> counts;  ///< Of a histogram's buckets, not cumulative.
  std::vector<double> bounds;    ///< Their upper bounds; the last bucket has none.
  int64_t scale = 0;             ///< Of exponential histograms.
  uint64_t zero_count = 0;
  double zero_threshold = 0;
  Buckets positive;
  Buckets negative;
};

/// A data point. Keep one and use it again.
/// Lifetime: views of the message.
struct Point : PointValues {
  bool is_stale = false;  ///< The flag "no recorded value".
  std::vector<std::pair<double, double>> quantiles;
  std::vector<std::string_view> attributes;  ///< KeyValue messages.
  std::vector<std::string_view> exemplars;   ///< Exemplar messages.

  int64_t time_ms() const noexcept { return static_cast<int64_t>(time / 1'000'000); }
  int64_t start_ms() const noexcept { return static_cast<int64_t>(start / 1'000'000); }
};
/// Reads a checked data point of a metric of this kind, in place of what `point` held.
void read_point(Kind kind, std::string_view message, Point& point);
/// No more than its time.
uint64_t time_of_point(std::string_view message) noexcept;

}  // namespace tailrace::converters::otlp_to_metrics
