#include "plugins/common/prom/prom_codecs.h"

#include <doctest/doctest.h>

namespace tailrace::common::prom {
namespace {

using namespace std::chrono_literals;

TEST_CASE("prom durations: as Prometheus reads and writes them") {
  CHECK(parse_prom_duration("0") == Duration(0));
  CHECK(parse_prom_duration("0s") == Duration(0));
  CHECK(parse_prom_duration("324ms") == Duration(324ms));
  CHECK(parse_prom_duration("1h30m") == Duration(90min));
  CHECK(parse_prom_duration("4d1h") == Duration(97h));
  CHECK(parse_prom_duration("3w2d1h") == Duration(553h));
  CHECK(parse_prom_duration("10y") == Duration(87600h));
  for (const char* text : {"", "1", "1y1m1d", "-1w", "1.5d", "d", "1s1s", "1h ", "999999999999y"}) {
    CHECK_FALSE(parse_prom_duration(text));
  }
  CHECK(print_prom_duration(0s) == "0s");
  CHECK(print_prom_duration(90s) == "1m30s");
  CHECK(print_prom_duration(324ms) == "324ms");
  CHECK(print_prom_duration(24h) == "1d");
  CHECK(print_prom_duration(8 * 24h) == "8d");
  CHECK(print_prom_duration(14 * 24h) == "2w");
  CHECK(print_prom_duration(365 * 24h) == "1y");
  CHECK(print_prom_duration(97h) == "4d1h");
}

TEST_CASE("prom sizes: MB is MiB") {
  CHECK(parse_prom_size("10MB")->bytes == 10 * 1024 * 1024);
  CHECK(parse_prom_size("10MiB")->bytes == 10 * 1024 * 1024);
  CHECK(parse_prom_size("1.5KB")->bytes == 1536);
  CHECK(parse_prom_size("1GB512MB")->bytes == 1536ULL * 1024 * 1024);
  CHECK(parse_prom_size("512B")->bytes == 512);
  CHECK(parse_prom_size("0")->bytes == 0);
  for (const char* text : {"", "MB", "1XB", "-1MB", "1 MB", "8EB", "1M", "infB"}) {
    CHECK_FALSE(parse_prom_size(text));
  }
}

}  // namespace
}  // namespace tailrace::common::prom
