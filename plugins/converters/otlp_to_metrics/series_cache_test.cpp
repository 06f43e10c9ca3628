#include "plugins/converters/otlp_to_metrics/series_cache.h"

#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "testkit/manual_lane.h"
#include "testkit/test_memory.h"

using namespace tailrace;
using converters::otlp_to_metrics::SeriesCache;

namespace {

std::vector<MetricSeries> series_of_labels(std::initializer_list<std::string_view> labels) {
  std::vector<MetricSeries> rows(labels.size());
  size_t next = 0;
  for (const std::string_view text : labels) {
    rows[next].encoded_labels = text;
    rows[next++].hash = series_hash(text);
  }
  return rows;
}

}  // namespace

TEST_CASE("SeriesCache: rows are known again, in their order, by context and point") {
  testkit::ManualClock clock;
  testkit::TestMemory memory;
  SeriesCache cache(1 << 20, memory, clock);
  cache.begin_unit();
  CHECK(cache.find("p") == nullptr);
  cache.begin_context("a");
  cache.learn("p", series_of_labels({"first", "", "third"}));
  cache.begin_context("b");
  CHECK(cache.find("p") == nullptr);
  cache.begin_unit();
  CHECK(cache.find("p") == nullptr);  // no context yet
  cache.begin_context("a");
  const SeriesCache::Entry* found = cache.find("p");
  REQUIRE(found != nullptr);
  REQUIRE(found->rows.size() == 3);
  CHECK(found->rows[0].labels == "first");
  CHECK(found->rows[1].labels.empty());
  CHECK(found->rows[2].labels == "third");
  CHECK(found->rows[2].hash == series_hash("third"));
  CHECK(found->text == "firstthird");
  CHECK(cache.find("q") == nullptr);
}

TEST_CASE("SeriesCache: a full one learns nothing, and forgets once a minute") {
  testkit::ManualClock clock;
  constexpr size_t kLimit = 16 * 1024;
  testkit::TestMemory memory;
  SeriesCache cache(kLimit, memory, clock);
  const std::string labels(1000, 'l');
  const auto fill = [&](const std::string& prefix) {
    cache.begin_unit();
    cache.begin_context("c");
    for (int i = 0; i < 50; ++i) {
      cache.learn(prefix + std::to_string(i), series_of_labels({labels}));
      CHECK(cache.bytes() <= kLimit);
    }
  };
  fill("a");
  CHECK(cache.find("a0") != nullptr);
  CHECK(cache.find("a49") == nullptr);
  fill("b");  // the first time at once
  CHECK(cache.find("a0") == nullptr);
  CHECK(cache.find("b0") != nullptr);
  fill("c");
  CHECK(cache.find("b0") != nullptr);
  CHECK(cache.find("c0") == nullptr);
  clock.advance(std::chrono::nanoseconds(SeriesCache::kForgetEveryNs));
  fill("c");
  CHECK(cache.find("b0") == nullptr);
  CHECK(cache.find("c0") != nullptr);
}

TEST_CASE("SeriesCache: without any room it knows nothing") {
  testkit::ManualClock clock;
  testkit::TestMemory memory;
  SeriesCache cache(0, memory, clock);
  for (int i = 0; i < 3; ++i) {
    cache.begin_unit();
    cache.begin_context("c");
    CHECK(cache.find("p") == nullptr);
    cache.learn("p", series_of_labels({"x"}));
    CHECK(cache.bytes() == 0);
  }
}

TEST_CASE("SeriesCache: what it holds is reserved, and leaves room for others") {
  testkit::ManualClock clock;
  testkit::TestMemory memory(64 * 1024);
  {
    SeriesCache cache(1 << 20, memory, clock);
    const auto fill = [&] {
      cache.begin_unit();
      cache.begin_context("c");
      for (int i = 0; i < 500; ++i) {
        cache.learn(std::to_string(i), series_of_labels({"labels"}));
        CHECK(memory.used == cache.bytes());
      }
    };
    fill();
    CHECK(cache.bytes() > 4 * 1024);
    CHECK(cache.bytes() <= 8 * 1024);
    CHECK(cache.find("0") != nullptr);
    memory.limit = memory.used;  // others have the rest
    fill();
    CHECK(memory.used <= memory.limit);
  }
  CHECK(memory.used == 0);
}
