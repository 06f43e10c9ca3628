#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "plugins/common/prom/scrape_cache/cache_bench_test.h"

using namespace tailrace;
using namespace tailrace::common::prom;

namespace {

struct Kilobyte final : LabelAttachment {
  size_t bytes() const noexcept override { return 1000; }
};

}  // namespace

TEST_CASE("ScrapeCache: what outputs keep with its series counts as its memory") {
  CacheBench bench;
  bench.cache.begin(PageFormat::text, 1);
  REQUIRE(bench.cache.feed("a 1\nb 2\n"));
  REQUIRE(bench.cache.finish());
  Arena arena;
  MetricBatch batch;
  REQUIRE(bench.cache.take(batch, arena, 10));
  REQUIRE(batch.size == 2);
  const size_t before = bench.cache.bytes();
  for (uint32_t i = 0; i < batch.size; ++i) {
    batch.series[i]->attachments.set(1, std::make_unique<Kilobyte>());
  }
  bench.cache.count_attachments();
  CHECK(bench.cache.bytes() >= before + 2000);
  CHECK(bench.cache.bytes() < before + 2200);
}

TEST_CASE("ScrapeCache: what outputs kept with series that are gone does not count any more") {
  CacheBench bench;
  std::string page;
  for (int i = 0; i < 200; ++i) {
    page += "a{x=\"" + std::to_string(i) + "\"} 1\n";
  }
  bench.cache.begin(PageFormat::text, 1);
  REQUIRE(bench.cache.feed(page));
  REQUIRE(bench.cache.finish());
  Arena arena;
  MetricBatch batch;
  while (bench.cache.take(batch, arena, 1000)) {
    for (uint32_t i = 0; i < batch.size; ++i) {
      batch.series[i]->attachments.set(1, std::make_unique<Kilobyte>());
    }
  }
  bench.cache.count_attachments();
  CHECK(bench.cache.bytes() > 200 * 1000);
  for (int64_t time = 2; time < 10; ++time) {
    REQUIRE(bench.page("a{x=\"0\"} 1\n", time));
  }
  CHECK(bench.cache.bytes() < 50 * 1000);
}
