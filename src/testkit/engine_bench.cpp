#include "testkit/engine_bench.h"

#include <map>
#include <tuple>

#include <doctest/doctest.h>

#include "testkit/processor_bench.h"

namespace tailrace::testkit {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStep{10};
constexpr milliseconds kRealWait{1};
constexpr std::chrono::seconds kPatience{30};

config::AgentConfig load(std::string_view yaml, config::PluginTable plugins) {
  ConfigIssues issues;
  auto config = config::load_text(yaml, plugins, issues);
  std::string errors;
  for (const ConfigIssue& issue : issues.issues()) {
    errors += "\n" + config::to_line("config", issue);
  }
  INFO("errors in the test's config:" << errors);
  REQUIRE(config);
  if (config->state_dir == config::AgentConfig().state_dir) {
    config->state_dir = "/state";
  }
  return std::move(*config);
}

}  // namespace

Weight waiting_of(const delivery::Ledger::Row& row) noexcept {
  Weight sum;
  for (const Weight& stage : row.waiting) {
    sum += stage;
  }
  return sum;
}

EngineBench::EngineBench(std::string_view yaml, config::PluginTable plugins, loop::FileLayer& files,
                         EngineBenchOptions options)
    : config_(load(yaml, plugins)), files_(files) {
  if (options.behaviour != nullptr) {
    server_.behaviour = std::move(options.behaviour);
  }
  std::vector<Lane*> lanes;
  for (uint32_t i = 0; i < config_.lanes; ++i) {
    lanes_.push_back(std::make_unique<ManualLane>(i, config_.lanes));
    lanes.push_back(lanes_.back().get());
  }
  pipeline::EngineOptions engine_options;
  engine_options.once = options.once;
  engine_options.checkpoint_interval = options.checkpoint_interval;
  engine_options.spool_segment_bytes = options.spool_segment_bytes;
  engine_ = std::make_unique<pipeline::Engine>(config_, engine_options, std::move(lanes), files_,
                                               net_, registry_);
  engine_->on_finished([this] { finished_ = true; });
  const Status opened = engine_->open();
  INFO((opened ? std::string() : opened.error().message));
  REQUIRE(opened);
  engine_->start();
  running_ = true;
  turn();
}

EngineBench::~EngineBench() {
  if (running_) {
    kill();
  }
  end();
}

void EngineBench::turn() {
  bool ran = true;
  while (ran) {
    ran = false;
    for (auto& lane : lanes_) {
      ran = lane->turn() || ran;
    }
  }
}

void EngineBench::advance(milliseconds by) {
  // In steps, so that the lanes' clocks stay together.
  for (milliseconds passed{0}; passed < by; passed += kStep) {
    for (auto& lane : lanes_) {
      lane->advance(std::min(kStep, by - passed));
    }
  }
  turn();
}

bool EngineBench::until(const std::function<bool()>& reached) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    turn();
    if (reached()) {
      return true;
    }
    if (std::chrono::steady_clock::now() > give_up) {
      return false;
    }
    lanes_.front()->wait_for_post(kRealWait);
    advance(kStep);
  }
}

bool EngineBench::settle() {
  return until([this] {
    for (const auto& row : ledger_rows()) {
      if (waiting_of(row) != Weight{}) {
        return false;
      }
    }
    return true;
  });
}

Status EngineBench::stop(milliseconds grace) {
  bool stopped = false;
  engine_->begin_stop(grace, [&stopped] { stopped = true; });
  REQUIRE(until([&stopped] { return stopped; }));
  const Status closed = engine_->close();
  check_books();
  running_ = false;
  return closed;
}

void EngineBench::kill() {
  check_books();
  files_.kill();
  running_ = false;
  end();
}

void EngineBench::end() {
  if (engine_ != nullptr) {
    // The registry asks the engine for what is only known when asked.
    last_metrics_ = registry_.read();
    engine_.reset();
  }
}

void EngineBench::check_books() {
  // As they are now, without turning the lanes.
  const auto families = registry_.read();
  CHECK(sum_of(families, "ledger_errors_total") == expected_ledger_errors_);
  if (expected_ledger_errors_ != 0) {
    return;
  }
  std::map<std::string, double> difference;
  for (const auto& family : families) {
    for (const auto& sample : family.samples) {
      std::string account;
      double sign = -1;
      for (const auto& [name, value] : sample.labels) {
        if (name == "side") {
          sign = value == "taken" || value == "found" ? 1 : -1;
        } else if (name != "stage") {
          account += name + "=" + value + " ";
        }
      }
      if (family.name == "tailrace_ledger_records_total" ||
          family.name == "tailrace_ledger_waiting_records") {
        difference[account] += sign * sample.value;
      }
    }
  }
  for (const auto& cell : difference) {
    INFO("account " << cell.first);
    CHECK(cell.second == 0);
  }
}

std::vector<delivery::Ledger::Row> EngineBench::ledger_rows() {
  std::vector<pipeline::LaneSnapshot> pictures;
  bool taken = false;
  engine_->snapshot([&](std::vector<pipeline::LaneSnapshot> lanes) {
    pictures = std::move(lanes);
    taken = true;
  });
  turn();
  REQUIRE(taken);
  std::map<std::tuple<std::string, std::string, std::string>, delivery::Ledger::Row> sums;
  for (const auto& picture : pictures) {
    for (const auto& row : picture.ledger) {
      auto [at, is_new] = sums.try_emplace({row.input, row.pipeline, row.output}, row);
      if (is_new) {
        continue;
      }
      delivery::Ledger::Row& sum = at->second;
      sum.taken += row.taken;
      sum.found += row.found;
      sum.delivered += row.delivered;
      sum.refused += row.refused;
      sum.dropped += row.dropped;
      sum.filtered += row.filtered;
      for (size_t i = 0; i < delivery::kStages; ++i) {
        sum.waiting[i] += row.waiting[i];
      }
      sum.balanced = sum.balanced && row.balanced;
    }
  }
  std::vector<delivery::Ledger::Row> rows;
  for (auto& [names, row] : sums) {
    rows.push_back(std::move(row));
  }
  return rows;
}

delivery::Ledger::Row EngineBench::row(std::string_view input, std::string_view pipeline,
                                       std::string_view output) {
  for (auto& row : ledger_rows()) {
    if (row.input == input && row.pipeline == pipeline && row.output == output) {
      return row;
    }
  }
  return {};
}

double EngineBench::metric(std::string_view name, const MetricLabels& labels) {
  return sum_of(engine_ != nullptr ? registry_.read() : last_metrics_, name, labels);
}

}  // namespace tailrace::testkit
