#include <algorithm>

#include "tailrace/block.h"

#include "plugins/inputs/prometheus_scrape/scrape_loop.h"

/// What a scrape has left, and its report, go to the pipelines: when there is room, a share at a
/// time.
namespace tailrace::inputs::prometheus_scrape {

namespace {

// A page of a million series must not keep the lane from its other targets.
constexpr uint32_t kRowsPerShare = 32 * 1024;
// Of a single row, however large: an output's memory may be too small to ever promise more.
constexpr uint64_t kMostAskedFor = 1024 * 1024;
// What outputs keep is looked at again when one in so many series is new: for a few among many it
// would cost as much as the scrape.
constexpr uint64_t kNewOf = 16;

}  // namespace

void LaneScrapes::serve_waiting() {
  for (size_t left = waiting.size(); left > 0 && !waiting.empty(); --left) {
    ScrapeLoop* loop = waiting.front();
    waiting.pop_front();
    if (!loop->go_on()) {
      return;  // it stands in the queue again
    }
  }
}

bool ScrapeLoop::hand_over() {
  Feed& feed = lane_.context.feed();
  uint32_t handed = 0;
  while (cache_->waiting_rows() > 0 || report_waits_) {
    const uint64_t rows = cache_->waiting_rows();
    const size_t report_bytes = report_series_->encoded_bytes();
    const uint64_t per_row = cache_->waiting_bytes() / std::max<uint64_t>(rows, 1) + 1;
    const auto most = static_cast<uint32_t>(std::clamp<uint64_t>(
        kMaxBlockBytes / per_row, 1, kMaxUnitRecords - report_series_->size()));
    if (handed >= kRowsPerShare) {
      begin_waiting();
      lane_.next_turn->start(std::chrono::milliseconds(0));
      return true;
    }
    const size_t one = std::min<uint64_t>(per_row, kMostAskedFor);
    const size_t all = cache_->waiting_bytes() + report_bytes;
    if (!feed.credit(std::max(std::min(all, kMaxBlockBytes), one))) {
      begin_waiting();
      return false;
    }
    feed.begin_unit();
    Arena& arena = lane_.context.lane().arena();
    MetricBatch batch;
    if (cache_->take(batch, arena, most)) {
      handed += batch.records();
      feed.push(batch);
    }
    if (cache_->waiting_rows() == 0) {
      MetricBatch report_batch;
      report_series_->fill(report_batch, report_, arena);
      report_waits_ = false;
      feed.push(report_batch);
    }
  }
  after_hand_over();
  return true;
}

bool ScrapeLoop::go_on() {
  is_waiting_ = false;
  return hand_over();
}

void ScrapeLoop::begin_waiting() {
  is_waiting_ = true;
  lane_.waiting.push_back(this);
}

/// May destroy this.
void ScrapeLoop::after_hand_over() {
  new_series_ += report_.added;
  if (new_series_ > cache_->live_series() / kNewOf) {
    new_series_ = 0;
    cache_->count_attachments();  // outputs have looked at the new series
    account_memory();
  }
  if (leaving_ == Leaving::markers) {
    job_.gone(*this);
  }
}

/// Keeps the memory account at what the cache holds. False: it cannot have so much.
bool ScrapeLoop::account_memory() {
  const size_t held = cache_->bytes();
  if (held < accounted_) {
    lane_.context.memory().release(accounted_ - held);
  } else if (held > accounted_ && !lane_.context.memory().reserve(held - accounted_)) {
    return false;
  }
  accounted_ = held;
  return true;
}

}  // namespace tailrace::inputs::prometheus_scrape
