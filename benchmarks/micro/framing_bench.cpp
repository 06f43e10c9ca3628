// Lines out of blocks, and CRI's parts out of lines.

#include <cstring>

#include <benchmark/benchmark.h>

#include "benchmarks/micro/sample.h"
#include "codec/timestamp.h"
#include "codec/utf8.h"
#include "plugins/inputs/tail/framing.h"
#include "plugins/inputs/tail/newline_index.h"

namespace tailrace::benchmarks {
namespace {

void report(benchmark::State& state, const SampleBlock& block) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * block.bytes().size()));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * block.lines()));
}

void newlines_by_memchr(benchmark::State& state) {
  const SampleBlock block;
  for (auto _ : state) {
    size_t count = 0;
    const char* at = block.bytes().data();
    const char* const end = at + block.bytes().size();
    while (const void* found = memchr(at, '\n', static_cast<size_t>(end - at))) {
      at = static_cast<const char*>(found) + 1;
      ++count;
    }
    benchmark::DoNotOptimize(count);
  }
  report(state, block);
}
BENCHMARK(newlines_by_memchr);

void newlines_by_index(benchmark::State& state) {
  const SampleBlock block;
  std::vector<uint32_t> offsets(kMaxUnitRecords);
  for (auto _ : state) {
    benchmark::DoNotOptimize(inputs::tail::find_newlines(block.bytes().data(), block.bytes().size(),
                                                         offsets.data(), offsets.size()));
  }
  report(state, block);
}
BENCHMARK(newlines_by_index);

void cri_timestamps(benchmark::State& state) {
  const SampleBlock block;
  codec::TimestampReader reader;
  for (auto _ : state) {
    const char* at = block.bytes().data();
    const char* const end = at + block.bytes().size();
    int64_t sum = 0;
    while (at < end) {
      int64_t ns = 0;
      const char* behind = reader.read(at, end, ns);
      sum += ns;
      at = static_cast<const char*>(memchr(behind, '\n', static_cast<size_t>(end - behind))) + 1;
    }
    benchmark::DoNotOptimize(sum);
  }
  report(state, block);
}
BENCHMARK(cri_timestamps);

void cri_blocks_to_records(benchmark::State& state) {
  const SampleBlock block;
  Arena arena;
  inputs::tail::Framer framer(256 * 1024);
  inputs::tail::FramingState file;
  file.format = inputs::tail::Format::cri;
  inputs::tail::UnitBytes unit;
  unit.bytes = block.bytes();
  for (auto _ : state) {
    arena.reset();
    benchmark::DoNotOptimize(framer.frame(file, unit, arena));
    benchmark::DoNotOptimize(framer.records().column(0).size());
    framer.commit(file, 0, [](auto&&) {});
    unit.offset += unit.bytes.size();
  }
  report(state, block);
}
BENCHMARK(cri_blocks_to_records);

}  // namespace
}  // namespace tailrace::benchmarks
