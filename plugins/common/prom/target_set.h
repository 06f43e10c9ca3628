#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugins/common/prom/discovery.h"
#include "plugins/common/prom/scrape_config.h"

namespace tailrace::common::prom {

/// Something to scrape.
struct Target {
  /// Before relabeling, sorted, for people; of targets that are found again with other ones, the
  /// latest.
  LabelPairs discovered_labels;
  /// What is attached to samples, sorted: after relabeling, without `__…`; `instance` is set.
  LabelPairs labels;
  /// `__scheme__://__address____metrics_path__?params`.
  std::string url;
  Duration interval{};
  Duration timeout{};  ///< <= interval
  /// Of the labels and the URL: the same on every lane and in every run. The order key, and what
  /// spreads scrapes over the interval.
  uint64_t hash = 0;
  bool scrape_native_histograms = false;
  bool always_scrape_classic_histograms = false;
  bool convert_classic_histograms_to_nhcb = false;
};
using TargetPtr = std::shared_ptr<const Target>;

/// What came of one target of a group.
struct RelabeledTarget {
  TargetPtr target;       ///< Null: dropped by a rule, or refused.
  LabelPairs discovered;  ///< Before relabeling, sorted.
  std::string refused;  ///< "no address" …: why no target could be made. "" = dropped by a rule.
};
/// Makes a target of the labels that a discovery found: adds what the job says, relabels, checks.
/// With `steps`, says what each rule did.
/// Source: Prometheus scrape/target.go, PopulateLabels.
RelabeledTarget make_target(const ScrapeConfig& job, const LabelPairs& target,
                            const LabelPairs& group, LabelBuilder& builder,
                            std::vector<RelabelStep>* steps = nullptr);

/// What has changed in a job's targets of this lane.
struct TargetChanges {
  std::vector<TargetPtr> added;
  std::vector<TargetPtr> removed;
  /// Found again, with other discovered labels (target, its former self).
  std::vector<std::pair<TargetPtr, TargetPtr>> renewed;
};

/// The targets of one job, kept up to date by its discoveries.
///
/// Shape:    groups of all discoveries -> make_target -> equal ones (labels and URL) are one ->
/// those
///           of this lane. Changes that come within `kSettle` of each other are one change, but for
///           the first.
/// Lifetime: `job` and `context` outlive it. Destroying it ends the discoveries.
/// Lane:     the context's; each lane has its own and all compute the same.
class TargetSet {
 public:
  /// Prometheus waits for five seconds between two updates of a job; so do we.
  static constexpr std::chrono::milliseconds kSettle{5000};

  using OnChange = std::function<void(const TargetChanges&)>;
  TargetSet(const ScrapeConfig& job, DiscoveryContext& context);
  ~TargetSet();
  TargetSet(const TargetSet&) = delete;
  TargetSet& operator=(const TargetSet&) = delete;

  /// Starts discovering. `on_change` runs on the lane, never from within start().
  Status start(OnChange on_change);

  const ScrapeConfig& job() const noexcept { return job_; }
  /// Of this lane, by hash.
  const std::map<uint64_t, TargetPtr>& targets() const noexcept { return targets_; }
  /// Every discovery has told at least once what is there. (For `--once`.)
  bool complete() const noexcept;
  /// Why every target of the job must fail ("target_limit exceeded (number of targets: 3, limit:
  /// 2)"), or "". May change with every change.
  const std::string& forced_error() const noexcept { return forced_error_; }
  /// Targets that rules dropped or that were refused, as many as keep_dropped_targets says, and how
  /// many there are. The same on every lane.
  struct Dropped {
    LabelPairs discovered;
    std::string refused;
  };
  const std::vector<Dropped>& dropped() const noexcept { return dropped_; }
  uint64_t dropped_count() const noexcept { return dropped_count_; }

 private:
  struct Source;

  void on_groups(Source& source, std::vector<TargetGroup> changed);
  void sync();

  const ScrapeConfig& job_;
  DiscoveryContext& context_;
  OnChange on_change_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::unique_ptr<Timer> settle_;
  bool has_synced_ = false;
  LabelBuilder builder_;
  std::map<uint64_t, TargetPtr> targets_;
  std::vector<Dropped> dropped_;
  uint64_t dropped_count_ = 0;
  std::string forced_error_;
};

}  // namespace tailrace::common::prom
