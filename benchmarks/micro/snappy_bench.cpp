// Compression of a request's pieces, next to the library alone.

#include <benchmark/benchmark.h>
#include <snappy.h>

#include "benchmarks/micro/sample.h"
#include "codec/snappy.h"

namespace tailrace::benchmarks {
namespace {

constexpr size_t kRequestBytes = 1024 * 1024;

std::vector<std::string_view> pieces_of(std::string_view bytes, size_t piece) {
  std::vector<std::string_view> pieces;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    pieces.push_back(bytes.substr(at, piece));
  }
  return pieces;
}

void snappy_bare(benchmark::State& state) {
  const SampleBlock block(40, kRequestBytes);
  std::string out(snappy::MaxCompressedLength(kRequestBytes), '\0');
  for (auto _ : state) {
    size_t size = 0;
    snappy::RawCompress(block.bytes().data(), block.bytes().size(), out.data(), &size);
    benchmark::DoNotOptimize(size);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * block.bytes().size()));
}
BENCHMARK(snappy_bare);

void snappy_of_pieces(benchmark::State& state) {
  const SampleBlock block(40, kRequestBytes);
  const auto pieces = pieces_of(block.bytes(), static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(codec::snappy_compress(pieces));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * block.bytes().size()));
}
BENCHMARK(snappy_of_pieces)->ArgName("piece")->Arg(1024)->Arg(16 * 1024)->Arg(kRequestBytes);

void snappy_of_literals(benchmark::State& state) {
  const SampleBlock block(40, kRequestBytes);
  const auto pieces = pieces_of(block.bytes(), 16 * 1024);
  for (auto _ : state) {
    benchmark::DoNotOptimize(codec::snappy_literals(pieces));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * block.bytes().size()));
}
BENCHMARK(snappy_of_literals);

}  // namespace
}  // namespace tailrace::benchmarks
