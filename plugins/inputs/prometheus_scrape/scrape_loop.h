#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "tailrace/channel.h"
#include "tailrace/input.h"

#include "plugins/common/prom/scrape_cache/scrape_cache.h"
#include "plugins/common/prom/target_set.h"
#include "plugins/inputs/prometheus_scrape/failure_log.h"
#include "plugins/inputs/prometheus_scrape/gap_book.h"
#include "plugins/inputs/prometheus_scrape/report_series.h"
#include "plugins/inputs/prometheus_scrape/schedule.h"
#include "plugins/inputs/prometheus_scrape/scrape_stats.h"
#include "plugins/inputs/prometheus_scrape/series_labels.h"

namespace tailrace::inputs::prometheus_scrape {

class ScrapeLoop;

/// What all loops of a lane share.
struct LaneScrapes {
  LaneScrapes(InputContext& input, const StringMap& external_labels)
      : context(input),
        external(external_labels),
        schedule(input.lane()),
        stats(input.metrics()),
        gaps(input),
        next_turn(input.lane().timer([this] { serve_waiting(); })) {}

  InputContext& context;
  const StringMap& external;
  Schedule schedule;
  ScrapeStats stats;
  GapBook gaps;
  common::prom::LabelBuilder builder;
  /// Loops that have something to hand over and found no room, or had their share of the turn.
  std::deque<ScrapeLoop*> waiting;
  /// Of each set of target labels, the loops that scrape it.
  std::unordered_map<uint64_t, uint32_t> scraping;
  std::unique_ptr<Timer> next_turn;

  /// Lets those that wait go on. Stops at the first that finds no room.
  void serve_waiting();
};

/// What the loops of one job share. Outlives them.
struct JobScrapes {
  LaneScrapes& lane;
  const common::prom::ScrapeConfig& config;
  /// The loop of a removed target has said all that was to be said; the callee destroys it.
  std::function<void(ScrapeLoop&)> gone;
  std::unique_ptr<Channel> channel;
  std::unique_ptr<common::prom::TargetSet> targets;
  FailureLog failures;
  /// By timeout: usually all targets of a job have the same.
  std::map<Duration, Headers> headers;
};

/// How a target is doing, for people.
struct TargetState {
  enum class Health : uint8_t { unknown, up, down };
  Health health = Health::unknown;
  std::string last_error;  ///< "" when up
  int64_t last_scrape_ms = 0;
  double last_duration_seconds = 0;
  uint64_t last_samples = 0;
  uint64_t last_post_relabel = 0;
  double gap_seconds = 0;  ///< Over the agent's restart: from the last scrape before to the first.
};
/// "unknown", "up", "down"
const char* to_string(TargetState::Health health) noexcept;

/// Scrapes one target, again and again.
///
///   due ─▶ room? ─▶ GET ─▶ bytes into the cache ─▶ page good, within limits? ─▶ hand over ─▶ due …
///           │no: skipped        (as they come)        │no: stale markers            │no room:
///           waits
///
/// A scrape's samples, or the stale markers in their place, and its report are one: nothing is
/// handed over before the page has ended well, and what found no room waits in the cache; the
/// scrapes that fall due meanwhile are skipped.
///
/// Lane:   the job's.
/// Source: Prometheus scrape/scrape.go, scrapeLoop.
class ScrapeLoop final : public Scheduled, private AnswerSink {
 public:
  ScrapeLoop(JobScrapes& job, common::prom::TargetPtr target);
  ~ScrapeLoop() override;

  /// Begins the rhythm; or, under `once`, scrapes now and only now.
  void start();
  /// The target was found again with other labels before relabeling, or another interval.
  void renew(common::prom::TargetPtr target);
  /// The target is not there any more. Ends with JobScrapes::gone, after stale markers at the time
  /// of the next scrape: perhaps before this returns.
  void leave();
  /// The target is back.
  void come_back();
  bool is_leaving() const noexcept { return leaving_ != Leaving::no; }
  /// The agent ends: no more scrapes, no markers.
  void stop();

  /// Its turn has come in LaneScrapes::waiting, which it has left. False: there is no room.
  bool go_on();

  /// At least one scrape is over, none is under way and nothing waits.
  bool is_done() const noexcept { return state_.last_scrape_ms != 0 && call_ == 0 && !is_waiting_; }

  const common::prom::Target& target() const noexcept { return *target_; }
  const TargetState& state() const noexcept { return state_; }
  const common::prom::ScrapeCache& cache() const noexcept { return *cache_; }

 private:
  enum class Leaving : uint8_t { no, next_scrape, markers };

  void on_due() override;
  bool on_head(const Headers& headers) override;
  bool on_data(std::string_view bytes) override;

  void schedule_next();
  bool may_scrape();
  void scrape();
  void end_scrape();
  void on_answer(const CallResult& result);
  void succeed();
  void fail(FailReason reason, std::string why);
  void report(bool up);
  void say_that_series_end();
  /// Hands over what waits, a share of it per call. False: there is no room.
  bool hand_over();
  void begin_waiting();
  void after_hand_over();
  bool account_memory();
  FailReason reason_of(const CallResult& result, std::string& why) const;

  JobScrapes& job_;
  LaneScrapes& lane_;
  common::prom::TargetPtr target_;
  SeriesLabels labels_;
  std::unique_ptr<common::prom::ScrapeCache> cache_;
  std::unique_ptr<ReportSeries> report_series_;
  uint64_t labels_hash_ = 0;
  Rhythm rhythm_;
  int64_t due_wall_ns_ = 0;

  // The scrape under way.
  CallId call_ = 0;  // 0: none
  int64_t started_ns_ = 0;
  bool page_begun_ = false;
  std::optional<FailReason> refused_;  // we ended the answer ourselves
  std::string refused_why_;

  ScrapeReport report_;
  bool report_waits_ = false;
  bool is_waiting_ = false;  // in LaneScrapes::waiting

  Leaving leaving_ = Leaving::no;
  bool stopped_ = false;
  size_t accounted_ = 0;
  uint64_t new_series_ = 0;  // since it was last looked at what outputs keep with them
  size_t last_page_bytes_ = 0;
  TargetState state_;
};

}  // namespace tailrace::inputs::prometheus_scrape
