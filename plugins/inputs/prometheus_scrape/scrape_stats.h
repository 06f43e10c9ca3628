#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tailrace/metrics.h"

namespace tailrace::inputs::prometheus_scrape {

/// Why a scrape failed, as the metric's `reason` has it.
enum class FailReason : uint8_t {
  network,  ///< No connection, or it broke.
  timeout,
  tls,
  status,  ///< Another status than 200.
  content_type,
  encoding,   ///< gzip that is broken, cut off or a bomb.
  page,       ///< The page breaks the rules of its format.
  body_size,  ///< One of the job's limits, as the next ones.
  sample_limit,
  label_limit,
  bucket_limit,
  target_limit,
  memory,  ///< agent.memory_limit
};
std::string_view to_string(FailReason reason) noexcept;

/// Why a scrape did not happen.
enum class SkipReason : uint8_t {
  no_credit,  ///< An output has no room.
  no_memory,  ///< agent.memory_limit
  under_way,  ///< The last one had not ended.
};
std::string_view to_string(SkipReason reason) noexcept;

/// The counters of the input on one lane.
class ScrapeStats {
 public:
  explicit ScrapeStats(Metrics& metrics);

  void failed(FailReason reason) { failed_[static_cast<size_t>(reason)]->increment(); }
  void skipped(SkipReason reason) { skipped_[static_cast<size_t>(reason)]->increment(); }

  Counter& scrapes;
  Counter& samples;
  Counter& bytes;
  Counter& duplicates;
  Counter& out_of_order;
  Counter& out_of_bounds;
  Histogram& durations;
  Histogram& start_delays;
  Histogram& gaps;
  Gauge& longest_gap;
  Gauge& series;
  Gauge& cache_bytes;

 private:
  static constexpr size_t kFailReasons = 13;
  static constexpr size_t kSkipReasons = 3;
  std::array<Counter*, kFailReasons> failed_;
  std::array<Counter*, kSkipReasons> skipped_;
};

}  // namespace tailrace::inputs::prometheus_scrape
