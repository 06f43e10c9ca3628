// Targets that stand in the configuration.

#include "plugins/common/prom/sd_options.h"

namespace tailrace::common::prom {

namespace {

class StaticDiscovery final : public Discovery {
 public:
  StaticDiscovery(Lane& lane, std::vector<TargetGroup> groups)
      : lane_(lane), groups_(std::move(groups)) {}

  void start(OnGroups on_groups) override {
    lane_.post([alive = std::weak_ptr<char>(alive_), groups = std::move(groups_),
                on_groups = std::move(on_groups)] {
      if (!alive.expired()) {
        on_groups(groups);
      }
    });
  }

 private:
  Lane& lane_;
  std::vector<TargetGroup> groups_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

Result<std::unique_ptr<Discovery>> StaticSdConfig::make(DiscoveryContext& context) const {
  return std::unique_ptr<Discovery>(
      std::make_unique<StaticDiscovery>(context.lane, known_groups()));
}

std::vector<TargetGroup> StaticSdConfig::known_groups() const {
  std::vector<TargetGroup> out;
  for (const StaticGroup& group : groups) {
    TargetGroup& made = out.emplace_back();
    made.source = std::to_string(out.size() - 1);
    made.labels.assign(group.labels.begin(), group.labels.end());
    for (const std::string& target : group.targets) {
      made.targets.push_back({{"__address__", target}});
    }
  }
  return out;
}

}  // namespace tailrace::common::prom
