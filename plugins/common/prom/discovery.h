#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/input.h"

/// Where targets come from. A kind of discovery is a DiscoveryConfig (its options) that makes a
/// Discovery (what runs). Another kind is a class of its own and one row in sd_options.cpp.
namespace tailrace::common::prom {

using LabelPairs = std::vector<std::pair<std::string, std::string>>;

/// Targets that came together and share labels.
struct TargetGroup {
  /// What the group came from ("0" of static_configs, a file's path and the place in it, a URL and
  /// the place, a pod …). A later group of the same source takes the place of this one.
  std::string source;
  LabelPairs labels;
  std::vector<LabelPairs>
      targets;  ///< Each with __address__. A target's label wins over the group's.
};

/// What a discovery needs. Everything outlives it.
struct DiscoveryContext {
  Lane& lane;
  Metrics& metrics;
  const Log& log;
  /// As InputContext::http_channel.
  std::function<Result<std::unique_ptr<Channel>>(const HttpClientConfig&)> http_channel;
};

/// A running discovery.
/// Lane: the one that it was made on. Every lane of an agent runs its own, and takes the targets
///       that it owns.
class Discovery {
 public:
  virtual ~Discovery() = default;  ///< Ends it; no callback runs afterwards.
  /// Groups that are new or have changed; one without targets is gone. Called for the first time,
  /// perhaps with no groups, as soon as it is known what is there; never from within start().
  using OnGroups = std::function<void(std::vector<TargetGroup> changed)>;
  virtual void start(OnGroups on_groups) = 0;
};

/// The options of one discovery. Immutable; shared by all lanes.
class DiscoveryConfig {
 public:
  virtual ~DiscoveryConfig() = default;
  virtual std::string_view kind() const noexcept = 0;  ///< "static", "file", "http" …
  virtual Result<std::unique_ptr<Discovery>> make(DiscoveryContext& context) const = 0;
  /// Groups that are known without running it (static ones; for `tailrace relabel` and `check`).
  virtual std::vector<TargetGroup> known_groups() const { return {}; }
};

}  // namespace tailrace::common::prom
