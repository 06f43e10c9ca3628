#include "plugins/common/prom/target_set.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace tailrace::common::prom {

/// One discovery and what it has told so far.
struct TargetSet::Source {
  std::unique_ptr<Discovery> discovery;
  std::map<std::string, TargetGroup> groups;  // by source
  bool has_told = false;
};

TargetSet::TargetSet(const ScrapeConfig& job, DiscoveryContext& context)
    : job_(job), context_(context), settle_(context.lane.timer([this] { sync(); })) {}

TargetSet::~TargetSet() = default;

Status TargetSet::start(OnChange on_change) {
  on_change_ = std::move(on_change);
  for (const auto& config : job_.discoveries) {
    auto discovery = config->make(context_);
    if (!discovery) {
      return tl::unexpected<Error>(discovery.error());
    }
    sources_.push_back(std::make_unique<Source>());
    sources_.back()->discovery = std::move(*discovery);
  }
  for (const auto& source : sources_) {
    source->discovery->start([this, at = source.get()](std::vector<TargetGroup> changed) {
      on_groups(*at, std::move(changed));
    });
  }
  if (sources_.empty()) {
    settle_->start(std::chrono::milliseconds(0));
  }
  return {};
}

bool TargetSet::complete() const noexcept {
  return std::ranges::all_of(sources_, [](const auto& source) { return source->has_told; });
}

void TargetSet::on_groups(Source& source, std::vector<TargetGroup> changed) {
  for (TargetGroup& group : changed) {
    if (group.targets.empty()) {
      source.groups.erase(group.source);
    } else {
      std::string key = group.source;
      source.groups.insert_or_assign(std::move(key), std::move(group));
    }
  }
  if (!std::exchange(source.has_told, true)) {
    settle_->start(std::chrono::milliseconds(0));  // nobody waits for the first ones
  } else if (!changed.empty() && !settle_->active()) {
    settle_->start(kSettle);
  }
}

void TargetSet::sync() {
  TargetChanges changes;
  std::map<uint64_t, TargetPtr> found;
  uint64_t all = 0;
  dropped_.clear();
  dropped_count_ = 0;
  const auto drop = [this](RelabeledTarget&& what) {
    ++dropped_count_;
    if (!what.refused.empty()) {
      context_.log.warn("bad_target", fmt::format("job {}: a target cannot be scraped: {}",
                                                  job_.job_name, what.refused));
    }
    if (job_.keep_dropped_targets == 0 || dropped_.size() < job_.keep_dropped_targets) {
      dropped_.push_back({std::move(what.discovered), std::move(what.refused)});
    }
  };
  std::map<uint64_t, TargetPtr> everywhere;  // of all lanes, each once
  for (const auto& source : sources_) {
    for (const auto& [name, group] : source->groups) {
      for (const LabelPairs& target : group.targets) {
        RelabeledTarget made = make_target(job_, target, group.labels, builder_);
        if (made.target == nullptr) {
          drop(std::move(made));
        } else {
          everywhere.insert_or_assign(made.target->hash, std::move(made.target));
        }
      }
    }
  }
  all = everywhere.size();
  for (auto& [hash, target] : everywhere) {
    if (!context_.lane.owns(hash)) {
      continue;
    }
    const auto before = targets_.find(hash);
    if (before == targets_.end()) {
      changes.added.push_back(target);
    } else if (before->second->discovered_labels != target->discovered_labels) {
      changes.renewed.emplace_back(target, before->second);
    } else {
      target = before->second;
    }
    found.emplace(hash, target);
  }
  for (const auto& [hash, target] : targets_) {
    if (!found.contains(hash)) {
      changes.removed.push_back(target);
    }
  }
  std::string error;
  if (job_.target_limit != 0 && all > job_.target_limit) {
    error = fmt::format("target_limit exceeded (number of targets: {}, limit: {})", all,
                        job_.target_limit);
  }
  const bool error_changed = error != forced_error_;
  forced_error_ = std::move(error);
  targets_ = std::move(found);
  const bool first = !std::exchange(has_synced_, true);
  if (first || error_changed || !changes.added.empty() || !changes.removed.empty() ||
      !changes.renewed.empty()) {
    on_change_(changes);  // may destroy this
  }
}

}  // namespace tailrace::common::prom
