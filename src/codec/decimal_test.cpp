#include "codec/decimal.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace tailrace::codec;

TEST_CASE("parse_decimal: what Go's ParseFloat takes of decimal numbers") {
  const struct {
    const char* text;
    double value;
  } good[] = {{"0", 0},
              {"-0", -0.0},
              {"+1", 1},
              {"1e9", 1e9},
              {"1E+9", 1e9},
              {".5", .5},
              {"-.5e-1", -.05},
              {"5.", 5},
              {"007", 7},
              {"123456789012345678901234567890", 123456789012345678901234567890.0},
              {"1.7976931348623157e308", std::numeric_limits<double>::max()},
              {"4.9e-324", std::numeric_limits<double>::denorm_min()},
              {"1e-400", 0},
              {"Inf", std::numeric_limits<double>::infinity()},
              {"+inf", std::numeric_limits<double>::infinity()},
              {"-INFINITY", -std::numeric_limits<double>::infinity()}};
  for (const auto& row : good) {
    CAPTURE(row.text);
    double value = 17;
    REQUIRE(parse_decimal(row.text, value));
    CHECK(std::bit_cast<uint64_t>(value) == std::bit_cast<uint64_t>(row.value));
  }
  for (const char* text : {"nan", "NaN", "NAN"}) {
    double value = 0;
    REQUIRE(parse_decimal(text, value));
    CHECK(std::isnan(value));
  }
  for (const char* text : {"",       "+",     "-",   ".",     "e5",     "1e",   "1e+",  "0x10",
                           "0x1p-3", "1_000", "1 ",  " 1",    "+-1",    "--1",  "+nan", "-nan",
                           "nan(1)", "infin", "1,5", "1e400", "-1e400", "true", "1f",   "++inf"}) {
    CAPTURE(text);
    double value = 0;
    CHECK_FALSE(parse_decimal(text, value));
  }
}

TEST_CASE("parse_decimal: gives every double back from its shortest digits") {
  std::mt19937_64 random(7);
  for (int i = 0; i < 100'000; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) {
      continue;
    }
    double again = 0;
    REQUIRE(parse_decimal(fmt::format("{}", value), again));
    REQUIRE(std::bit_cast<uint64_t>(again) == std::bit_cast<uint64_t>(value));
  }
}

TEST_CASE("openmetrics_number: as Go's 'g' writes it, never like an integer") {
  const struct {
    double value;
    const char* text;
  } rows[] = {{0, "0.0"},
              {1, "1.0"},
              {-1, "-1.0"},
              {0.5, "0.5"},
              {10, "10.0"},
              {100000, "100000.0"},
              {1000000, "1e+06"},
              {1234567, "1.234567e+06"},
              {0.0001, "0.0001"},
              {0.00001, "1e-05"},
              {1e21, "1e+21"},
              {0.1 + 0.2, "0.30000000000000004"},
              {123456.789, "123456.789"},
              {1e100, "1e+100"}};
  for (const auto& row : rows) {
    CHECK(openmetrics_number(row.value) == row.text);
  }
  CHECK(openmetrics_number(std::numeric_limits<double>::infinity()) == "+Inf");
  CHECK(openmetrics_number(-std::numeric_limits<double>::infinity()) == "-Inf");
  CHECK(openmetrics_number(std::numeric_limits<double>::quiet_NaN()) == "NaN");
}
