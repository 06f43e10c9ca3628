// Records into the entries of a Loki push request.

#include <benchmark/benchmark.h>

#include "benchmarks/micro/sample.h"
#include "plugins/common/loki/entry_writer.h"

namespace tailrace::benchmarks {
namespace {

constexpr int64_t kStart = 1'767'322'445'000'000'000;

/// Entries with `pairs` pairs of structured metadata each.
void loki_entries(benchmark::State& state) {
  const std::vector<std::string> lines = sample_lines(1000, 40);
  const std::vector<MetaPair> pairs(static_cast<size_t>(state.range(0)),
                                    MetaPair{"req_id", "1f0c9d2e5b7a8843"});
  const MetaSpan metadata{pairs.data(), static_cast<uint32_t>(pairs.size())};
  size_t bytes = 0;
  size_t bound = loki::kWriteSlack;
  for (const std::string& line : lines) {
    bytes += line.size();
    bound += loki::EntryWriter::entry_bound(line, {}, metadata);
  }
  std::string out(bound, '\0');
  loki::EntryWriter writer;
  for (auto _ : state) {
    char* to = out.data();
    int64_t time = kStart;
    for (const std::string& line : lines) {
      to = writer.write(to, time, line, {}, metadata);
      time += 250'123;
    }
    benchmark::DoNotOptimize(to);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * lines.size()));
}
BENCHMARK(loki_entries)->ArgName("pairs")->Arg(0)->Arg(2);

}  // namespace
}  // namespace tailrace::benchmarks
