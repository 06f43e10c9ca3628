#include "pipeline/engine_metrics.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "tailrace/log.h"

namespace tailrace::pipeline {

namespace {

void raise_to(Counter& counter, uint64_t value) noexcept {
  if (value > counter.value()) {
    counter.add(value - counter.value());
  }
}

/// tailrace_ledger_*: one series per account and side, lanes summed.
void publish_books(Metrics& metrics, const std::vector<const delivery::Ledger*>& ledgers) {
  using Row = delivery::Ledger::Row;
  using Key = std::tuple<std::string, std::string, std::string>;
  std::map<Key, Row> sums;
  for (const delivery::Ledger* ledger : ledgers) {
    for (const Row& row : ledger->rows()) {
      Row& sum = sums[{row.input, row.pipeline, row.output}];
      sum.taken += row.taken;
      sum.found += row.found;
      sum.delivered += row.delivered;
      sum.refused += row.refused;
      sum.dropped += row.dropped;
      sum.filtered += row.filtered;
      for (size_t i = 0; i < delivery::kStages; ++i) {
        sum.waiting[i] += row.waiting[i];
      }
    }
  }
  static constexpr const char* kStageNames[] = {"carried", "open", "queued", "in_flight",
                                                "spooled"};
  for (const auto& [key, row] : sums) {
    const auto& [input, pipeline, output] = key;
    auto labels = [&input = input, &pipeline = pipeline, &output = output](const char* name,
                                                                           const char* value) {
      return MetricLabels{
          {"input", input}, {"pipeline", pipeline}, {"output", output}, {name, value}};
    };
    auto publish = [&](const char* side, const Weight& weight) {
      raise_to(metrics.counter("ledger_records_total",
                               "Source records by what became of them: taken + found = delivered + "
                               "refused + dropped + filtered + waiting.",
                               labels("side", side)),
               weight.records);
      raise_to(
          metrics.counter("ledger_bytes_total", "Source bytes by what became of their records.",
                          labels("side", side)),
          weight.bytes);
    };
    publish("taken", row.taken);
    publish("found", row.found);
    publish("delivered", row.delivered);
    publish("refused", row.refused);
    publish("dropped", row.dropped);
    publish("filtered", row.filtered);
    for (size_t i = 0; i < delivery::kStages; ++i) {
      metrics
          .gauge("ledger_waiting_records", "Source records whose fate is open, by where they are.",
                 labels("stage", kStageNames[i]))
          .set(static_cast<double>(row.waiting[i].records));
    }
  }
}

void publish_output(Metrics& metrics, const delivery::OutputShared& output) {
  metrics.gauge("output_buffer_memory_bytes", "Memory held by open, queued and spooled requests.")
      .set(static_cast<double>(output.memory.used()));
  metrics.gauge("output_buffer_memory_limit_bytes", "This output's share of agent.memory_limit.")
      .set(static_cast<double>(output.memory.limit()));
  const delivery::SpoolStats stats = output.spool->stats();
  metrics.gauge("output_spool_bytes", "Size of the spool on disk.")
      .set(static_cast<double>(stats.disk_bytes));
  metrics.gauge("output_spool_free_bytes", "What buffer.disk leaves.")
      .set(static_cast<double>(output.spool->free_budget()));
  metrics.gauge("output_spool_requests", "Requests in the spool that are not settled.")
      .set(static_cast<double>(stats.records));
  metrics
      .gauge("output_spool_failing",
             "1 while the spool cannot be written: the disk is full or broken.")
      .set(stats.failing ? 1 : 0);
  raise_to(metrics.counter("output_spool_failures_total", "Writes to the spool that failed.",
                           {{"operation", "write"}}),
           stats.append_failures);
  raise_to(metrics.counter("output_spool_failures_total", "Writes to the spool that failed.",
                           {{"operation", "sync"}}),
           stats.sync_failures);
  raise_to(metrics.counter("output_spool_torn_tails_total",
                           "Unfinished records that were cut off when the spool was opened."),
           stats.torn_tails);
  raise_to(metrics.counter("output_spool_bad_records_total",
                           "Spooled records that were skipped because they do not verify."),
           stats.bad_records);
}

}  // namespace

void register_engine_metrics(EngineShared& shared, std::vector<const delivery::Ledger*> ledgers) {
  Metrics& agent = shared.registry.scope(0, {});
  std::map<std::string, Metrics*> outputs;
  for (const auto& [name, output] : shared.outputs) {
    outputs[name] = &shared.registry.scope(
        0, {{"component", name}, {"component_kind", "output"}, {"type", output->options.type}});
  }
  shared.registry.on_read([&shared, &agent, outputs, ledgers = std::move(ledgers)] {
    publish_books(agent, ledgers);
    for (const auto& [name, metrics] : outputs) {
      publish_output(*metrics, *shared.outputs.at(name));
    }
    agent.gauge("memory_limit_bytes", "agent.memory_limit.")
        .set(static_cast<double>(shared.config.memory_limit.bytes));
    agent
        .gauge("input_memory_bytes",
               "Memory that inputs, processors and converters hold beyond the unit in work.")
        .set(static_cast<double>(shared.input_memory->used()));
    agent
        .gauge("input_memory_limit_bytes",
               "What inputs may hold: their share of agent.memory_limit.")
        .set(static_cast<double>(shared.input_memory->capacity()));
    const CheckpointStore::Stats stats = shared.checkpoints->stats();
    agent.gauge("checkpoint_rows", "Positions in the checkpoint file.")
        .set(static_cast<double>(stats.rows));
    agent.gauge("checkpoint_failing", "1 while the checkpoint file cannot be written.")
        .set(stats.failing ? 1 : 0);
    raise_to(agent.counter("checkpoint_writes_total",
                           "Times that the checkpoint file was "
                           "replaced."),
             stats.writes);
    raise_to(agent.counter("checkpoint_failures_total",
                           "Times that the checkpoint file could not be replaced."),
             stats.failures);
  });
}

void report_orphaned_spools(EngineShared& shared) {
  const std::string folder = shared.config.state_dir + "/spool";
  const auto names = shared.files.list(folder);
  if (!names) {
    return;  // the first start: nothing is there yet
  }
  uint64_t bytes = 0;
  std::string orphans;
  for (const std::string& name : *names) {
    const bool known = std::ranges::any_of(shared.outputs, [&](const auto& entry) {
      return entry.first + "@" + entry.second->options.type == name;
    });
    if (known) {
      continue;
    }
    orphans += (orphans.empty() ? "" : ", ") + name;
    const std::string path = folder + "/" + name;
    for (const std::string& file : shared.files.list(path).value_or(std::vector<std::string>{})) {
      auto opened = shared.files.open(path + "/" + file, loop::FileLayer::Open::read);
      if (opened) {
        bytes += (*opened)->size().value_or(0);
      }
    }
  }
  shared.registry.scope(0, {})
      .gauge("orphaned_spool_bytes", "Size of spools whose output is not in the config any more.")
      .set(static_cast<double>(bytes));
  if (bytes > 0) {
    log_line(LogLevel::warn, "agent", "orphaned_spool",
             fmt::format("{} bytes lie in spools of outputs that the config does not name any more "
                         "({}): put the output back to have them sent, or remove the folder below "
                         "{}",
                         bytes, orphans, folder));
  }
}

}  // namespace tailrace::pipeline
