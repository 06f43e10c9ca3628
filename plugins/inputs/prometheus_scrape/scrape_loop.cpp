#include "plugins/inputs/prometheus_scrape/scrape_loop.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "tailrace/block.h"

#include "plugins/inputs/prometheus_scrape/page_request.h"

namespace tailrace::inputs::prometheus_scrape {

using common::prom::PageError;
using common::prom::ScrapeCache;
using common::prom::TargetPtr;

namespace {

constexpr int64_t kNsPerMs = 1'000'000;
common::prom::PageOptions page_options(const common::prom::ScrapeConfig& job,
                                       const common::prom::Target& target) {
  common::prom::PageOptions options;
  options.honor_timestamps = job.honor_timestamps;
  options.track_timestamps_staleness = job.track_timestamps_staleness;
  options.legacy_names = job.metric_name_validation_scheme == common::prom::NameValidation::legacy;
  options.native_histograms = target.scrape_native_histograms;
  options.always_classic_histograms = target.always_scrape_classic_histograms;
  options.classic_to_custom_buckets = target.convert_classic_histograms_to_nhcb;
  options.body_size_limit = job.body_size_limit.bytes;
  options.sample_limit = job.sample_limit;
  options.label_limit = job.label_limit;
  options.label_name_length_limit = job.label_name_length_limit;
  options.label_value_length_limit = job.label_value_length_limit;
  options.native_histogram_bucket_limit = job.native_histogram_bucket_limit;
  options.native_histogram_min_bucket_factor = job.native_histogram_min_bucket_factor;
  return options;
}

FailReason reason_of_page(PageError::Kind kind) {
  switch (kind) {
    case PageError::Kind::sample_limit:
      return FailReason::sample_limit;
    case PageError::Kind::label_limit:
      return FailReason::label_limit;
    case PageError::Kind::bucket_limit:
      return FailReason::bucket_limit;
    case PageError::Kind::body_size:
      return FailReason::body_size;
    default:
      return FailReason::page;
  }
}

FailReason reason_of_error(ErrorCode code) {
  switch (code) {
    case ErrorCode::timeout:
      return FailReason::timeout;
    case ErrorCode::tls:
      return FailReason::tls;
    case ErrorCode::invalid:
    case ErrorCode::limit:
      return FailReason::encoding;
    default:
      return FailReason::network;
  }
}

}  // namespace

const char* to_string(TargetState::Health health) noexcept {
  switch (health) {
    case TargetState::Health::up:
      return "up";
    case TargetState::Health::down:
      return "down";
    case TargetState::Health::unknown:
      break;
  }
  return "unknown";
}

ScrapeLoop::ScrapeLoop(JobScrapes& job, TargetPtr target)
    : job_(job),
      lane_(job.lane),
      target_(std::move(target)),
      labels_(job.config, job.lane.external, target_),
      cache_(std::make_unique<ScrapeCache>(labels_, page_options(job.config, *target_))),
      report_series_(
          std::make_unique<ReportSeries>(job.config, job.lane.external, *target_, lane_.builder)),
      labels_hash_(report_series_->hash()),
      rhythm_(target_->hash, target_->interval) {
  ++lane_.scraping[labels_hash_];
}

ScrapeLoop::~ScrapeLoop() {
  stop();
  if (!is_leaving() && --lane_.scraping[labels_hash_] == 0) {
    lane_.scraping.erase(labels_hash_);
  }
  lane_.context.memory().release(accounted_);
}

void ScrapeLoop::start() {
  if (lane_.context.once()) {
    scrape();
    return;
  }
  due_wall_ns_ = rhythm_.first(lane_.context.lane().clock().wall_ns());
  schedule_next();
}

void ScrapeLoop::renew(TargetPtr target) {
  const bool other_rhythm = target->interval != target_->interval;
  target_ = std::move(target);
  report_series_ =
      std::make_unique<ReportSeries>(job_.config, lane_.external, *target_, lane_.builder);
  if (other_rhythm && !is_leaving() && !stopped_) {
    rhythm_ = Rhythm(target_->hash, target_->interval);
    due_wall_ns_ = rhythm_.first(lane_.context.lane().clock().wall_ns());
    schedule_next();
  }
}

void ScrapeLoop::leave() {
  leaving_ = Leaving::next_scrape;
  if (--lane_.scraping[labels_hash_] == 0) {
    lane_.scraping.erase(labels_hash_);
  }
  if (state_.last_scrape_ms == 0 && call_ == 0) {
    job_.gone(*this);  // nothing was ever said of it
  }
}

void ScrapeLoop::come_back() {
  leaving_ = Leaving::no;
  ++lane_.scraping[labels_hash_];
  due_wall_ns_ = rhythm_.first(lane_.context.lane().clock().wall_ns());
  schedule_next();
}

void ScrapeLoop::stop() {
  stopped_ = true;
  lane_.schedule.remove(*this);
  end_scrape();
  if (std::exchange(is_waiting_, false)) {
    std::erase(lane_.waiting, this);
    lane_.context.feed().lost({cache_->waiting_rows() + (report_waits_ ? 1 : 0), 0}, "no_credit",
                              false);
  }
}

/// Gives up the scrape under way, if there is one.
void ScrapeLoop::end_scrape() {
  if (call_ != 0) {
    job_.channel->cancel(std::exchange(call_, 0));
    if (page_begun_) {
      cache_->abandon();
    }
  }
}

/// Enters the schedule at due_wall_ns_.
void ScrapeLoop::schedule_next() {
  const Clock& clock = lane_.context.lane().clock();
  lane_.schedule.set(*this, clock.monotonic_ns() + due_wall_ns_ - clock.wall_ns());
}

void ScrapeLoop::on_due() {
  const Clock& clock = lane_.context.lane().clock();
  if (leaving_ == Leaving::markers) {
    say_that_series_end();  // may destroy this
    return;
  }
  if (leaving_ == Leaving::next_scrape) {
    // The time of the markers is that of the scrape that does not take place. They wait for another
    // interval and a bit, so that whoever comes in the target's place is there before them.
    report_ = {};
    report_.timestamp_ms = rhythm_.timestamp_ns(due_wall_ns_, clock.wall_ns()) / kNsPerMs;
    leaving_ = Leaving::markers;
    const int64_t wait = rhythm_.interval_ns() + rhythm_.interval_ns() / 10;
    lane_.schedule.set(*this, clock.monotonic_ns() + wait);
    return;
  }
  lane_.stats.start_delays.observe(
      std::max<double>(static_cast<double>(clock.wall_ns() - due_wall_ns_), 0) / 1e9);
  if (may_scrape()) {
    scrape();
  }
  due_wall_ns_ = rhythm_.next(due_wall_ns_, clock.wall_ns());
  schedule_next();
}

/// There is nothing else under way, and room for what will come.
bool ScrapeLoop::may_scrape() {
  if (call_ != 0) {
    lane_.stats.skipped(SkipReason::under_way);
    return false;
  }
  const size_t likely =
      std::min(last_page_bytes_ + report_series_->encoded_bytes(), kMaxBlockBytes);
  const bool has_room = !is_waiting_ && lane_.context.feed().credit(likely);
  if (!has_room) {
    lane_.stats.skipped(SkipReason::no_credit);
    lane_.context.log().warn("skipped", "scrapes are skipped while an output has no room");
    return false;
  }
  if (!account_memory()) {
    lane_.stats.skipped(SkipReason::no_memory);
    lane_.context.log().warn("skipped", "scrapes are skipped: agent.memory_limit is reached");
    return false;
  }
  return true;
}

void ScrapeLoop::scrape() {
  const Clock& clock = lane_.context.lane().clock();
  started_ns_ = clock.monotonic_ns();
  const int64_t wall = clock.wall_ns();
  report_ = {};
  report_.timestamp_ms =
      (lane_.context.once() ? wall : rhythm_.timestamp_ns(due_wall_ns_, wall)) / kNsPerMs;
  page_begun_ = false;
  refused_.reset();
  if (const std::string& forced = job_.targets->forced_error(); !forced.empty()) {
    fail(FailReason::target_limit, forced);
    return;
  }
  Call call;
  call.method = "GET";
  call.url = target_->url;
  Headers& headers = job_.headers[target_->timeout];
  if (headers.empty()) {
    headers = request_headers(job_.config, target_->timeout);
  }
  call.headers = headers;
  call.timeout = std::max(std::chrono::duration_cast<std::chrono::milliseconds>(target_->timeout),
                          std::chrono::milliseconds(1));
  call.sink = this;
  call.expected_bytes = last_page_bytes_;
  call_ = job_.channel->call(call, [this](const CallResult& result) {
    call_ = 0;
    on_answer(result);
  });
}

bool ScrapeLoop::on_head(const Headers& headers) {
  std::string_view type;
  for (const auto& [name, value] : headers) {
    if (name == "content-type") {
      type = value;
    }
  }
  const auto format = page_format(type, job_.config.fallback_scrape_protocol);
  if (!format) {
    refused_ = FailReason::content_type;
    refused_why_ = format.error().message;
    return false;
  }
  page_begun_ = true;
  cache_->begin(*format, report_.timestamp_ms);
  return true;
}

bool ScrapeLoop::on_data(std::string_view bytes) {
  if (!cache_->feed(bytes)) {
    refused_ = reason_of_page(cache_->error().kind);
    refused_why_ = cache_->error().text;
    return false;
  }
  if (!account_memory()) {
    refused_ = FailReason::memory;
    refused_why_ = "agent.memory_limit is reached";
    return false;
  }
  return true;
}

void ScrapeLoop::on_answer(const CallResult& result) {
  std::string why;
  if (result.transport && result.status == 200 && page_begun_) {
    if (cache_->finish()) {
      succeed();
    } else {
      fail(reason_of_page(cache_->error().kind), cache_->error().text);
    }
    return;
  }
  const FailReason reason = reason_of(result, why);
  fail(reason, std::move(why));
}

FailReason ScrapeLoop::reason_of(const CallResult& result, std::string& why) const {
  if (refused_) {
    why = refused_why_;
    return *refused_;
  }
  if (!result.transport) {
    why = result.transport.error().message;
    return reason_of_error(result.transport.error().code);
  }
  why = fmt::format("the server answered with status {}", result.status);
  return FailReason::status;
}

void ScrapeLoop::succeed() {
  const auto& counts = cache_->counts();
  report_.scraped = counts.scraped;
  report_.post_relabel = counts.post_relabel;
  report_.added = counts.added;
  report_.body_bytes = static_cast<int64_t>(counts.bytes);
  last_page_bytes_ = counts.bytes;
  lane_.stats.samples.add(counts.post_relabel);
  lane_.stats.bytes.add(counts.bytes);
  lane_.stats.duplicates.add(counts.duplicates);
  lane_.stats.out_of_order.add(counts.out_of_order);
  lane_.stats.out_of_bounds.add(counts.out_of_bounds);
  if (state_.health == TargetState::Health::down) {
    lane_.context.log().info(
        "up", fmt::format("job {}: {} is up again", job_.config.job_name, target_->url));
  }
  state_.health = TargetState::Health::up;
  state_.last_error.clear();
  report(true);
}

void ScrapeLoop::fail(FailReason reason, std::string why) {
  if (page_begun_) {
    const bool was_parsed = reason != FailReason::network && reason != FailReason::timeout &&
                            reason != FailReason::tls && reason != FailReason::encoding;
    const auto& counts = cache_->counts();
    if (was_parsed) {
      report_.scraped = counts.scraped;
      report_.post_relabel = counts.post_relabel;
      report_.added = counts.added;
      report_.body_bytes = static_cast<int64_t>(counts.bytes);
    }
    lane_.stats.bytes.add(counts.bytes);
    cache_->abandon();
  }
  if (reason == FailReason::body_size) {
    report_ = {.timestamp_ms = report_.timestamp_ms, .body_bytes = -1};
  }
  cache_->stale(report_.timestamp_ms);
  lane_.stats.failed(reason);
  job_.failures.add(job_.config.job_name, target_->url, why);
  if (state_.health != TargetState::Health::down) {
    lane_.context.log().warn("down", fmt::format("job {}: scraping {} failed: {}",
                                                 job_.config.job_name, target_->url, why));
  }
  state_.health = TargetState::Health::down;
  state_.last_error = std::move(why);
  report(false);
}

void ScrapeLoop::report(bool up) {
  const Clock& clock = lane_.context.lane().clock();
  report_.up = up;
  report_.duration_seconds = static_cast<double>(clock.monotonic_ns() - started_ns_) / 1e9;
  state_.last_scrape_ms = report_.timestamp_ms;
  state_.last_duration_seconds = report_.duration_seconds;
  state_.last_samples = report_.scraped;
  state_.last_post_relabel = report_.post_relabel;
  lane_.stats.scrapes.increment();
  lane_.stats.durations.observe(report_.duration_seconds);
  if (const auto gap = lane_.gaps.scraped(target_->hash, report_.timestamp_ms)) {
    const double seconds = static_cast<double>(*gap) / 1000;
    lane_.stats.gaps.observe(seconds);
    lane_.stats.longest_gap.set(std::max(lane_.stats.longest_gap.value(), seconds));
    state_.gap_seconds = seconds;
    lane_.context.log().info(
        "gap", fmt::format("job {}: {} was not scraped for {:.1f} s, over the agent's restart; "
                           "/api/v1/targets tells it of each target",
                           job_.config.job_name, target_->url, seconds));
  }
  account_memory();
  report_waits_ = true;
  hand_over();
}

void ScrapeLoop::say_that_series_end() {
  if (lane_.scraping.contains(labels_hash_)) {
    job_.gone(*this);  // another target has taken over its series: markers would cut into them
    return;
  }
  if (is_waiting_) {  // what it said last comes first
    lane_.schedule.set(*this, lane_.context.lane().clock().monotonic_ns() + rhythm_.interval_ns());
    return;
  }
  end_scrape();
  cache_->stale(report_.timestamp_ms);
  report_.stale = true;
  report_waits_ = true;
  hand_over();
}

}  // namespace tailrace::inputs::prometheus_scrape
