// Fields out of JSON lines.

#include <benchmark/benchmark.h>

#include "tailrace/processor.h"

#include "benchmarks/micro/sample.h"
#include "codec/json.h"
#include "plugins/processors/json/json.h"
#include "testkit/log_records.h"
#include "testkit/processor_bench.h"

namespace tailrace {
extern const PluginDescriptor processors_json_plugin;
}

namespace tailrace::benchmarks {
namespace {

class Nowhere final : public Next {
 public:
  void push(Batch& batch) noexcept override { benchmark::DoNotOptimize(&batch); }
  void filtered(Weight weight) noexcept override { benchmark::DoNotOptimize(weight); }
  void refuse(Weight weight, std::string_view, std::string_view) noexcept override {
    benchmark::DoNotOptimize(weight);
  }
};

/// `json_percent` of 1,000 lines are JSON; level, and two fields to metadata.
void json_processor(benchmark::State& state) {
  const auto json_percent = static_cast<unsigned>(state.range(0));
  processors::json::JsonConfig config;
  config.metadata = {{"req_id", "reqId"}, {"user", "userId"}};
  testkit::ProcessorBench bench(processors_json_plugin, config);
  std::vector<testkit::LogRecord> records;
  size_t bytes = 0;
  for (std::string& line : sample_lines(1000, json_percent)) {
    bytes += line.size();
    records.push_back({.body = std::move(line), .timestamp = 1});
  }
  Arena arena;
  testkit::LogBatchOf made(bench.lane().labels(), arena, sample_labels(1), std::move(records));
  Nowhere nowhere;
  for (auto _ : state) {
    state.PauseTiming();
    bench.lane().arena().reset();
    Batch* copy = made.batch().copy_views(bench.lane().arena());
    state.ResumeTiming();
    bench.processor().process(*copy, nowhere);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * 1000));
}
BENCHMARK(json_processor)->ArgName("json_percent")->Arg(0)->Arg(40)->Arg(100);

/// Walking a line's fields without doing anything with them.
void json_fields_only(benchmark::State& state) {
  std::vector<std::string> lines = sample_lines(1000, 100);
  size_t bytes = 0;
  for (std::string& line : lines) {
    bytes += line.size();
    line.reserve(line.size() + kBlockPadding);
  }
  Arena arena;
  codec::JsonReader reader;
  for (auto _ : state) {
    arena.reset();
    size_t fields = 0;
    for (const std::string& line : lines) {
      reader.each_padded_field(line, arena, [&](std::string_view, codec::JsonValue&) {
        ++fields;
        return true;
      });
    }
    benchmark::DoNotOptimize(fields);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * lines.size()));
}
BENCHMARK(json_fields_only);

}  // namespace
}  // namespace tailrace::benchmarks
