#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tailrace/input.h"

namespace tailrace::inputs::prometheus_scrape {

/// When each target was last scraped: after a restart this tells what is missing between.
///
/// One checkpoint row per lane, written at most every kWriteEvery and at a stop; so after a kill a
/// gap may be told too long by as much. Format: CHECKPOINT_FORMAT.md.
/// Lane: one per lane; the rows of all lanes are read, and what the lane owns is kept.
class GapBook {
 public:
  static constexpr std::chrono::milliseconds kWriteEvery{5000};
  /// What was last scraped longer ago is forgotten when the agent starts.
  static constexpr int64_t kForgetAfterMs = 7LL * 24 * 3600 * 1000;

  explicit GapBook(InputContext& context);

  /// The target was scraped at this time (ms since the epoch). The first time in this run, returns
  /// the time since the last scrape of the run before, if it is known.
  std::optional<int64_t> scraped(uint64_t target, int64_t time_ms);
  /// The target is gone for good.
  void forget(uint64_t target);
  /// Writes what is not written yet.
  void flush();

 private:
  struct Last {
    int64_t time_ms = 0;
    bool of_this_run = false;
  };
  void read(std::string_view row);
  std::string row() const;

  InputContext& context_;
  const std::string key_;
  std::unordered_map<uint64_t, Last> last_;
  std::unique_ptr<Timer> timer_;
  bool wrote_ = false;
};

}  // namespace tailrace::inputs::prometheus_scrape
