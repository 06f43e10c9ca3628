#include "plugins/inputs/prometheus_scrape/gap_book.h"

#include <string>

#include <doctest/doctest.h>

#include "plugins/inputs/prometheus_scrape/scrape_bench_test.h"

using namespace tailrace;
using namespace tailrace::inputs::prometheus_scrape;
using namespace std::chrono_literals;
using test::Rows;
using test::ScrapeBench;

namespace {

const char* const kNothing = "scrape_configs: []\n";

int64_t now_ms(ScrapeBench& bench) {
  return bench.lane().clock().wall_ns() / 1'000'000;
}

}  // namespace

TEST_CASE("GapBook: the row of CHECKPOINT_FORMAT.md") {
  ScrapeBench bench(kNothing);
  GapBook book(bench);
  book.scraped(0x1122334455667788, 1767322445000 - 2500);
  book.flush();
  const std::string row = bench.test_checkpoints().rows["last_scrapes/0"];
  const int64_t base = 1767322445000 - 2500;
  REQUIRE(row.size() == 21);
  CHECK(row[0] == 1);
  int64_t read = 0;
  for (int i = 8; i > 0; --i) {
    read = read << 8 | static_cast<unsigned char>(row[static_cast<size_t>(i)]);
  }
  CHECK(read == base);
  CHECK(row.substr(9) == std::string("\x88\x77\x66\x55\x44\x33\x22\x11\x00\x00\x00\x00", 12));
  book.scraped(0x99, 1767322445000);
  book.flush();
  const std::string both = bench.test_checkpoints().rows["last_scrapes/0"];
  CHECK(both.size() == 33);
  CHECK(both.find(std::string("\x88\x77\x66\x55\x44\x33\x22\x11\x19\x00\x00\x00", 12)) !=
        std::string::npos);
  CHECK(both.starts_with(std::string("\x01\xc8\x64\xa0\x7c\x9b\x01\x00\x00", 9)));
}

TEST_CASE("GapBook: tells the gap at the first scrape only, of known targets only") {
  Rows rows;
  {
    ScrapeBench bench(kNothing);
    GapBook book(bench);
    CHECK_FALSE(book.scraped(1, now_ms(bench)));
    CHECK_FALSE(book.scraped(1, now_ms(bench) + 1000));
    CHECK_FALSE(book.scraped(2, now_ms(bench)));
    book.scraped(3, now_ms(bench));
    book.forget(3);
    book.flush();
    rows = bench.test_checkpoints().rows;
  }
  ScrapeBench bench(kNothing, rows);
  GapBook book(bench);
  CHECK(book.scraped(1, now_ms(bench) + 61'000) == 60'000);
  CHECK_FALSE(book.scraped(1, now_ms(bench) + 62'000));
  CHECK_FALSE(book.scraped(3, now_ms(bench)));
  CHECK_FALSE(book.scraped(4, now_ms(bench)));
  // What was not scraped yet is still known after another restart.
  book.flush();
  ScrapeBench third(kNothing, bench.test_checkpoints().rows);
  GapBook later(third);
  CHECK(later.scraped(2, now_ms(third) + 5'000) == 5'000);
}

TEST_CASE("GapBook: rows of all lanes are read, and one is left for each") {
  Rows rows;
  {
    ScrapeBench bench(kNothing);
    GapBook book(bench);
    for (uint64_t target = 0; target < 10; ++target) {
      book.scraped(target, now_ms(bench));
    }
    book.flush();
    rows["last_scrapes/5"] = bench.test_checkpoints().rows["last_scrapes/0"];
  }
  int known = 0;
  for (const uint32_t lane : {0u, 1u}) {
    ScrapeBench bench(kNothing, rows, false, lane, 2);
    GapBook book(bench);
    for (uint64_t target = 0; target < 10; ++target) {
      known += book.scraped(target, now_ms(bench) + 1000) ? 1 : 0;
    }
    book.flush();
    const Rows& left = bench.test_checkpoints().rows;
    CHECK(left.contains(lane == 0 ? "last_scrapes/0" : "last_scrapes/1"));
    CHECK(left.contains("last_scrapes/5") == (lane != 0));
  }
  CHECK(known == 10);
}

TEST_CASE("GapBook: writes at most every few seconds, and nothing while nothing happens") {
  ScrapeBench bench(kNothing);
  GapBook book(bench);
  for (int i = 0; i < 100; ++i) {
    book.scraped(static_cast<uint64_t>(i), now_ms(bench));
    bench.advance(100ms);
  }
  CHECK(bench.test_checkpoints().writes >= 1);
  CHECK(bench.test_checkpoints().writes <= 2);
  bench.advance(10s);
  const size_t writes = bench.test_checkpoints().writes;
  bench.advance(60s);
  CHECK(bench.test_checkpoints().writes == writes);
}
