// Samples into open write requests: from series that are sent as they came, and by the general way.

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "tailrace/metric_batch.h"

#include "plugins/common/prom/label_encoding.h"
#include "plugins/outputs/prometheus_remote_write/write_body.h"

namespace tailrace::benchmarks {
namespace {

using common::prom::SeriesRow;
using common::prom::WriteVersion;
using outputs::prometheus_remote_write::BodyMemory;
using outputs::prometheus_remote_write::WriteBody;

constexpr int64_t kNow = 1'767'322'445'000;
constexpr uint32_t kChunk = 1024;
/// What the output seals at.
constexpr size_t kBatchBytes = 1 << 20;

/// Series of about 110 bytes of labels, six of them, as a scrape cache holds them.
struct Page {
  explicit Page(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      const std::string bucket = fmt::format("{}", i % 12);
      const std::string code = fmt::format("{}", 200 + i / 12 % 5);
      const std::string path = fmt::format("/api/v1/thing{}", i / 60);
      const Label labels[] = {{"__name__", "http_request_duration_seconds_bucket"},
                              {"code", code},
                              {"handler", path},
                              {"instance", "10.1.2.3:8080"},
                              {"job", "api"},
                              {"le", bucket}};
      common::prom::encode_labels(texts.emplace_back(), labels);
      MetricSeries& made = series.emplace_back();
      made.encoded_labels = texts.back();
      pointers.push_back(&made);
      timestamps.push_back(kNow);
      values.push_back(i);
      bytes += made.encoded_labels.size();
    }
  }
  std::deque<std::string> texts;
  std::deque<MetricSeries> series;
  std::vector<const MetricSeries*> pointers;
  std::vector<int64_t> timestamps;
  std::vector<uint64_t> values;
  size_t bytes = 0;
};

class Filler {
 public:
  explicit Filler(WriteVersion version) : memory_(std::make_shared<BodyMemory>(version)) {}

  /// As RemoteWriteOutput::append_plain does it.
  void plain(const Page& page, bool seal) {
    const auto count = static_cast<uint32_t>(page.pointers.size());
    for (uint32_t from = 0; from < count;) {
      const uint32_t to = std::min(count, from + kChunk);
      size_t bound = 0;
      for (uint32_t i = from; i < to; ++i) {
        bound += page.pointers[i]->encoded_labels.size() + common::prom::kRowOverheadV1;
      }
      begin(bound, seal);
      body_.append_samples(page.pointers.data() + from, page.timestamps.data() + from,
                           page.values.data() + from, to - from, bound);
      body_.end_part();
      ++parts_;
      from = to;
    }
  }
  void any(const Page& page, bool seal) {
    std::vector<SeriesRow> rows;
    const auto count = static_cast<uint32_t>(page.pointers.size());
    for (uint32_t from = 0; from < count;) {
      const uint32_t to = std::min(count, from + kChunk);
      rows.clear();
      for (uint32_t i = from; i < to; ++i) {
        SeriesRow& row = rows.emplace_back();
        row.labels = page.pointers[i]->encoded_labels;
        row.timestamp = page.timestamps[i];
        row.value = page.values[i];
      }
      begin(0, seal);
      body_.append_rows(rows);
      body_.end_part();
      ++parts_;
      from = to;
    }
  }
  uint64_t sent_bytes = 0;

 private:
  void begin(size_t bound, bool seal) {
    if (body_.bytes() + bound > kBatchBytes) {
      std::vector<PartRange> ranges(parts_);
      if (seal) {
        sent_bytes += body_.seal(ranges).size();
      } else {
        body_ = WriteBody(memory_);
      }
      parts_ = 0;
    }
    body_.version();
    body_.begin_part(parts_);
  }
  std::shared_ptr<BodyMemory> memory_;
  WriteBody body_{memory_};
  uint32_t parts_ = 0;
};

void remote_write_v1(benchmark::State& state) {
  const Page page(static_cast<uint32_t>(state.range(0)));
  Filler filler(WriteVersion::v1);
  for (auto _ : state) {
    filler.plain(page, state.range(1) != 0);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * page.pointers.size()));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * page.bytes));
}
BENCHMARK(remote_write_v1)
    ->ArgNames({"series", "snappy"})
    ->Args({400, 1})
    ->Args({20'000, 1})
    ->Args({200'000, 1});

void remote_write_rows(benchmark::State& state) {
  const Page page(static_cast<uint32_t>(state.range(0)));
  Filler filler(state.range(1) == 2 ? WriteVersion::v2 : WriteVersion::v1);
  for (auto _ : state) {
    filler.any(page, true);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * page.pointers.size()));
}
BENCHMARK(remote_write_rows)->ArgNames({"series", "version"})->Args({20'000, 1})->Args({20'000, 2});

/// Only the encoding, into memory that is there already.
void remote_write_v1_encode(benchmark::State& state) {
  const Page page(static_cast<uint32_t>(state.range(0)));
  size_t bound = 0;
  for (const MetricSeries* series : page.pointers) {
    bound += series->encoded_labels.size() + common::prom::kRowOverheadV1;
  }
  codec::GrowingBuffer buffer;
  for (auto _ : state) {
    buffer.clear();
    outputs::prometheus_remote_write::write_samples(
        buffer, page.pointers.data(), page.timestamps.data(), page.values.data(),
        static_cast<uint32_t>(page.pointers.size()), bound);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * page.pointers.size()));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * buffer.size()));
}
BENCHMARK(remote_write_v1_encode)->ArgName("series")->Arg(400)->Arg(8'000)->Arg(200'000);

}  // namespace
}  // namespace tailrace::benchmarks
