#include "plugins/common/prom/target_set.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "plugins/common/prom/discovery_test.h"
#include "plugins/common/prom/scrape_config_test.h"

namespace tailrace::common::prom {
namespace {

using namespace std::chrono_literals;

/// A discovery that the test plays.
class PlayedConfig final : public DiscoveryConfig {
 public:
  std::string_view kind() const noexcept override { return "played"; }
  Result<std::unique_ptr<Discovery>> make(DiscoveryContext&) const override {
    class Played final : public Discovery {
     public:
      explicit Played(OnGroups& tell) : tell_(tell) {}
      void start(OnGroups on_groups) override { tell_ = std::move(on_groups); }

     private:
      OnGroups& tell_;
    };
    return std::unique_ptr<Discovery>(std::make_unique<Played>(tell));
  }
  mutable Discovery::OnGroups tell;
};

TargetGroup group(std::string source, const std::vector<std::string>& addresses,
                  LabelPairs labels = {}) {
  TargetGroup out;
  out.source = std::move(source);
  out.labels = std::move(labels);
  for (const std::string& address : addresses) {
    out.targets.push_back({{"__address__", address}});
  }
  return out;
}

struct SetBench {
  explicit SetBench(std::string_view lines, uint32_t id = 0, uint32_t count = 1)
      : bench(id, count), job(job_of(lines)) {
    if (job.discoveries.empty()) {
      job.discoveries.push_back(played);
    }
    set = std::make_unique<TargetSet>(job, bench.context);
    REQUIRE(set->start([this](const TargetChanges& changes) {
      ++told;
      last = changes;
    }));
    CHECK(told == 0);
    bench.lane.turn();
  }
  void tell(std::vector<TargetGroup> groups) {
    played->tell(std::move(groups));
    bench.lane.turn();
  }
  std::string urls() const {
    std::vector<std::string> urls;
    for (const auto& [hash, target] : set->targets()) {
      urls.push_back(target->url);
    }
    std::ranges::sort(urls);
    std::string out;
    for (const std::string& url : urls) {
      out += url + " ";
    }
    return out;
  }

  DiscoveryBench bench;
  std::shared_ptr<PlayedConfig> played = std::make_shared<PlayedConfig>();
  ScrapeConfig job;
  int told = 0;
  TargetChanges last;
  std::unique_ptr<TargetSet> set;
};

TEST_CASE("TargetSet: static targets are there in the first turn") {
  SetBench bench("  static_configs: [{targets: [b, a]}, {targets: [c], labels: {x: y}}]\n");
  CHECK(bench.told == 1);
  CHECK(bench.set->complete());
  CHECK(bench.last.added.size() == 3);
  CHECK(bench.urls() == "http://a/metrics http://b/metrics http://c/metrics ");
}

TEST_CASE("TargetSet: what comes and goes; changes that follow each other are one") {
  SetBench bench("");
  CHECK_FALSE(bench.set->complete());
  bench.tell({group("1", {"a", "b"})});
  CHECK(bench.set->complete());
  CHECK(bench.told == 1);
  bench.tell({group("1", {"a"})});
  bench.tell({group("2", {"c"})});
  CHECK(bench.told == 1);
  bench.bench.lane.advance(TargetSet::kSettle);
  CHECK(bench.told == 2);
  REQUIRE(bench.last.added.size() == 1);
  CHECK(bench.last.added[0]->url == "http://c/metrics");
  REQUIRE(bench.last.removed.size() == 1);
  CHECK(bench.last.removed[0]->url == "http://b/metrics");
  // The same groups again are no change.
  bench.tell({group("1", {"a"}), group("2", {"c"})});
  bench.bench.lane.advance(2 * TargetSet::kSettle);
  CHECK(bench.told == 2);
  bench.tell({group("1", {}), group("2", {})});
  bench.bench.lane.advance(TargetSet::kSettle);
  CHECK(bench.urls().empty());
}

TEST_CASE("TargetSet: equal targets are one, with the latest discovered labels") {
  SetBench bench("");
  bench.tell({group("1", {"a"}, {{"__meta_x", "1"}}), group("2", {"a"}, {{"__meta_x", "2"}})});
  CHECK(bench.set->targets().size() == 1);
  const TargetPtr before = bench.set->targets().begin()->second;
  bench.tell({group("2", {"a"}, {{"__meta_x", "3"}})});
  bench.bench.lane.advance(TargetSet::kSettle);
  REQUIRE(bench.last.renewed.size() == 1);
  CHECK(bench.last.renewed[0].second == before);
  CHECK(bench.last.added.empty());
  CHECK(bench.last.removed.empty());
  CHECK(bench.set->targets().begin()->second->hash == before->hash);
}

TEST_CASE("TargetSet: dropped targets are kept for people, as many as wanted") {
  SetBench bench(
      "  keep_dropped_targets: 2\n"
      "  relabel_configs: [{source_labels: [__address__], regex: 'd.*', action: drop}]\n");
  bench.tell({group("1", {"d1", "d2", "d3", "a", "b/c"})});
  CHECK(bench.urls() == "http://a/metrics ");
  CHECK(bench.set->dropped().size() == 2);
  CHECK(bench.set->dropped_count() == 4);
  CHECK(bench.set->forced_error().empty());
}

TEST_CASE("TargetSet: more than target_limit targets fail all of them") {
  SetBench bench("  target_limit: 2\n");
  bench.tell({group("1", {"a", "b"})});
  CHECK(bench.set->forced_error().empty());
  bench.tell({group("2", {"c"})});
  bench.bench.lane.advance(TargetSet::kSettle);
  CHECK(bench.set->forced_error() == "target_limit exceeded (number of targets: 3, limit: 2)");
  CHECK(bench.set->targets().size() == 3);
  bench.tell({group("2", {})});
  bench.bench.lane.advance(TargetSet::kSettle);
  CHECK(bench.set->forced_error().empty());
}

TEST_CASE("TargetSet: lanes share the targets, and agree on limits and drops") {
  std::vector<std::string> addresses;
  for (int i = 0; i < 50; ++i) {
    addresses.push_back("host-" + std::to_string(i));
  }
  size_t all = 0;
  for (uint32_t lane = 0; lane < 3; ++lane) {
    SetBench bench("  target_limit: 49\n", lane, 3);
    bench.tell({group("1", addresses)});
    CHECK(bench.set->targets().size() > 5);
    CHECK(bench.set->forced_error() == "target_limit exceeded (number of targets: 50, limit: 49)");
    all += bench.set->targets().size();
  }
  CHECK(all == 50);
}

TEST_CASE("TargetSet: a job without discoveries is complete and empty") {
  DiscoveryBench bench;
  const ScrapeConfig job = job_of("");
  TargetSet set(job, bench.context);
  int told = 0;
  REQUIRE(set.start([&told](const TargetChanges&) { ++told; }));
  bench.lane.turn();
  CHECK(told == 1);
  CHECK(set.complete());
}

}  // namespace
}  // namespace tailrace::common::prom
