#include "pipeline/engine.h"

#include <algorithm>

#include <fmt/format.h>

#include "tailrace/check.h"
#include "tailrace/log.h"

#include "pipeline/engine_metrics.h"
#include "pipeline/lane_engine.h"

namespace tailrace::pipeline {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

/// What the process takes whatever it is configured to do: code, libraries, loops, per lane a
/// block, scratch and the open requests' slack.
constexpr size_t kFixedReserve = 20ull << 20;
constexpr size_t kLaneReserve = 4ull << 20;
/// With less an output could not take one unit while it holds the tables of a full spool, and would
/// starve its inputs as long as its server is away.
constexpr size_t kLeastOutputMemory = 2ull << 20;

delivery::OutputOptions options_of(const config::ComponentConfig& component) {
  const config::OutputEngineConfig& given = component.output;
  delivery::OutputOptions options;
  options.name = component.name;
  options.type = std::string(component.plugin->name);
  options.memory_bytes = given.memory.bytes;
  options.drop_oldest = given.when_full == config::WhenFull::drop_oldest;
  options.batch_bytes = given.batch_bytes.bytes;
  options.linger = duration_cast<milliseconds>(given.linger);
  options.shards = std::max(1u, given.shards);
  options.spool_after = duration_cast<milliseconds>(given.spool_after);
  options.spool_after_unreadable = duration_cast<milliseconds>(given.spool_after_unreadable);
  options.min_backoff = duration_cast<milliseconds>(given.min_backoff);
  options.max_backoff = duration_cast<milliseconds>(given.max_backoff);
  options.max_in_flight = given.max_in_flight;
  options.quarantine = given.quarantine;
  return options;
}

}  // namespace

Engine::Engine(const config::AgentConfig& config, EngineOptions options, std::vector<Lane*> lanes,
               loop::FileLayer& files, NetFactory& net, MetricsRegistry& registry)
    : shared_(new EngineShared{
          config, options, registry, net, files, {}, {}, {}, {}, {}, lanes.size()}),
      lanes_(std::move(lanes)) {}

Engine::~Engine() = default;

void Engine::share_memory() {
  const config::AgentConfig& config = shared_->config;
  const size_t limit = config.memory_limit.bytes;
  const size_t fixed = kFixedReserve + kLaneReserve * lanes_.size();
  const size_t pool = std::max(limit > fixed ? limit - fixed : 0, limit / 4);
  size_t wanted = 0;
  for (const auto& component : config.outputs) {
    wanted += std::max<size_t>(component.output.memory.bytes, kLeastOutputMemory);
  }
  // Inputs (bodies, carried lines, what is known of series) have what the outputs' queues do not
  // ask for, and a quarter in any case.
  const size_t for_inputs = std::max(pool / 4, pool - std::min(pool, wanted));
  const size_t for_outputs = pool - for_inputs;
  shared_->input_memory = std::make_unique<delivery::MemoryPool>(for_inputs);
  for (const auto& component : config.outputs) {
    delivery::OutputOptions options = options_of(component);
    if (wanted > for_outputs) {
      options.memory_bytes =
          static_cast<size_t>(static_cast<double>(options.memory_bytes) *
                              static_cast<double>(for_outputs) / static_cast<double>(wanted));
    }
    options.memory_bytes = std::max(options.memory_bytes, kLeastOutputMemory);
    shared_->outputs.emplace(component.name,
                             std::make_unique<delivery::OutputShared>(std::move(options)));
  }
  if (wanted > for_outputs) {
    log_line(LogLevel::info, "agent", "memory_share",
             fmt::format("the outputs' buffers ask for {} MiB of memory, agent.memory_limit leaves "
                         "{} MiB: each gets its share of that",
                         wanted >> 20, for_outputs >> 20));
  }
}

Status Engine::open_outputs() {
  for (const auto& component : shared_->config.outputs) {
    delivery::OutputShared& output = *shared_->outputs.at(component.name);
    delivery::SpoolOptions options;
    options.directory =
        shared_->config.state_dir + "/spool/" + component.name + "@" + output.options.type;
    options.disk_budget = component.output.disk.bytes;
    options.segment_bytes = std::min<uint64_t>(shared_->options.spool_segment_bytes,
                                               std::max<uint64_t>(options.disk_budget / 4, 65536));
    auto& found = recovered_[component.name];
    auto spool =
        delivery::Spool::open(shared_->files, shared_->spool_thread, std::move(options), found);
    if (!spool) {
      return fail(spool.error().code,
                  "output." + component.name + ": its spool: " + spool.error().message);
    }
    output.spool = std::move(*spool);
    for (const auto& record : found) {
      output.recovered[record.envelope.tenant].store(1);
    }
    if (!found.empty()) {
      log_line(
          LogLevel::info, "output." + component.name, "spool_found",
          fmt::format("{} requests lie in the spool from before and are sent first", found.size()));
    }
  }
  return {};
}

Status Engine::open() {
  auto store = CheckpointStore::open(shared_->files, shared_->config.state_dir,
                                     shared_->options.checkpoint_interval);
  if (!store && store.error().code == ErrorCode::corrupt) {
    // It lies aside now, and was told as an error: reading everything again is better than reading
    // nothing.
    store = CheckpointStore::open(shared_->files, shared_->config.state_dir,
                                  shared_->options.checkpoint_interval);
  }
  if (!store) {
    return fail(store.error().code, "the checkpoints: " + store.error().message);
  }
  shared_->checkpoints = std::move(*store);
  share_memory();
  if (Status opened = open_outputs(); !opened) {
    return opened;
  }
  for (Lane* lane : lanes_) {
    lane_engines_.push_back(std::make_unique<LaneEngine>(*lane, *shared_));
    if (Status built = lane_engines_.back()->build(); !built) {
      return built;
    }
  }
  // What lies on disk belongs to no lane; the first one sends it.
  for (auto& [output, records] : recovered_) {
    lane_engines_.front()->adopt(output, std::move(records));
  }
  recovered_.clear();
  report_orphaned_spools(*shared_);
  std::vector<const delivery::Ledger*> ledgers;
  for (const auto& engine : lane_engines_) {
    ledgers.push_back(&engine->ledger());
  }
  register_engine_metrics(*shared_, std::move(ledgers));
  for (auto& engine : lane_engines_) {
    if (Status opened = engine->open(); !opened) {
      return opened;
    }
  }
  return {};
}

void Engine::start() {
  lanes_left_ = lanes_.size();
  for (size_t i = 0; i < lanes_.size(); ++i) {
    lanes_[i]->post([this, engine = lane_engines_[i].get()] {
      engine->on_finished([this] {
        if (--lanes_left_ == 0 && on_finished_ != nullptr) {
          on_finished_();
        }
      });
      engine->start();
    });
  }
}

void Engine::begin_stop(milliseconds grace, std::function<void()> done) {
  auto left = std::make_shared<std::atomic<size_t>>(lanes_.size());
  for (size_t i = 0; i < lanes_.size(); ++i) {
    lanes_[i]->post([engine = lane_engines_[i].get(), grace, left, done] {
      engine->begin_stop(grace, [left, done] {
        if (--*left == 0) {
          done();
        }
      });
    });
  }
}

Status Engine::close() {
  return shared_->checkpoints->flush();
}

void Engine::snapshot(std::function<void(std::vector<LaneSnapshot>)> done, SnapshotDetail detail) {
  struct Gather {
    std::vector<LaneSnapshot> lanes;
    std::atomic<size_t> left;
    std::function<void(std::vector<LaneSnapshot>)> done;
  };
  auto gather = std::make_shared<Gather>();
  gather->lanes.resize(lanes_.size());
  gather->left = lanes_.size();
  gather->done = std::move(done);
  for (size_t i = 0; i < lanes_.size(); ++i) {
    lanes_[i]->post([engine = lane_engines_[i].get(), gather, i, detail] {
      gather->lanes[i] = engine->snapshot(detail);
      if (--gather->left == 0) {
        gather->done(std::move(gather->lanes));
      }
    });
  }
}

uint64_t Engine::records_given_up() {
  double sum = 0;
  for (const auto& family : shared_->registry.read()) {
    if (family.name == "tailrace_output_dropped_records_total" ||
        family.name == "tailrace_output_refused_records_total" ||
        family.name == "tailrace_input_lost_records_total" ||
        family.name == "tailrace_ledger_errors_total") {
      for (const auto& sample : family.samples) {
        sum += sample.value;
      }
    }
  }
  return static_cast<uint64_t>(sum);
}

}  // namespace tailrace::pipeline
