#pragma once

#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/common/prom/discovery.h"
#include "testkit/fake_net.h"
#include "testkit/manual_lane.h"

namespace tailrace::common::prom {

/// Counters for one lane, by name and labels.
class PlainMetrics final : public Metrics {
 public:
  Counter& counter(std::string_view name, std::string_view, MetricLabels labels) override {
    return counters_[{std::string(name), std::move(labels)}];
  }
  Gauge& gauge(std::string_view name, std::string_view, MetricLabels labels) override {
    return gauges_[{std::string(name), std::move(labels)}];
  }
  Histogram& histogram(std::string_view name, std::string_view, std::vector<double> bounds,
                       MetricLabels labels) override {
    return histograms_.try_emplace({std::string(name), std::move(labels)}, std::move(bounds))
        .first->second;
  }

 private:
  using Key = std::pair<std::string, MetricLabels>;
  std::map<Key, Counter> counters_;
  std::map<Key, Gauge> gauges_;
  std::map<Key, Histogram> histograms_;
};

/// A lane, a network and counters for discoveries.
struct DiscoveryBench {
  explicit DiscoveryBench(uint32_t id = 0, uint32_t count = 1) : lane(id, count) {}

  uint64_t failures(const char* kind) {
    return metrics
        .counter("discovery_failures_total", "Looks for targets that failed.", {{"kind", kind}})
        .value();
  }

  testkit::ManualLane lane;
  testkit::FakeServer server;
  PlainMetrics metrics;
  Log log{"input.test"};
  DiscoveryContext context{lane, metrics, log,
                           [this](const HttpClientConfig&) -> Result<std::unique_ptr<Channel>> {
                             return server.channel(lane);
                           }};
};

/// Follows a discovery: what is there now, by source, and how often it told of changes.
struct Followed {
  Followed(DiscoveryBench& bench, const DiscoveryConfig& config)
      : discovery(config.make(bench.context).value()) {
    discovery->start([this](std::vector<TargetGroup> changed) {
      ++told;
      for (TargetGroup& group : changed) {
        if (group.targets.empty()) {
          groups.erase(group.source);
        } else {
          groups[group.source] = std::move(group);
        }
      }
    });
  }
  /// All addresses, in the order of the sources.
  std::string addresses() const {
    std::string out;
    for (const auto& [source, group] : groups) {
      for (const LabelPairs& target : group.targets) {
        out += target[0].second + " ";
      }
    }
    return out;
  }

  std::map<std::string, TargetGroup> groups;
  int told = 0;
  std::unique_ptr<Discovery> discovery;
};

inline void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path + ".new") << text;
  REQUIRE(std::rename((path + ".new").c_str(), path.c_str()) == 0);
}

}  // namespace tailrace::common::prom
