// Label sets: how long an equal one takes to be found.

#include <benchmark/benchmark.h>

#include "tailrace/labels.h"

#include "benchmarks/micro/sample.h"

namespace tailrace::benchmarks {
namespace {

void label_lookup(benchmark::State& state) {
  const auto sets = static_cast<unsigned>(state.range(0));
  LabelInterner interner;
  std::vector<std::map<std::string, std::string>> texts;
  std::vector<std::vector<Label>> pairs;
  for (unsigned i = 0; i < sets; ++i) {
    texts.push_back(sample_labels(i));
  }
  std::vector<LabelsPtr> held;
  for (const auto& text : texts) {
    std::vector<Label>& one = pairs.emplace_back();
    for (const auto& [name, value] : text) {
      one.push_back({name, value});
    }
    held.push_back(interner.intern(one));
  }
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(interner.intern(pairs[i]));
    i = (i + 1) % sets;
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(label_lookup)->ArgName("sets")->Arg(10)->Arg(1000);

}  // namespace
}  // namespace tailrace::benchmarks
