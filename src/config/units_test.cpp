#include "config/units.h"

#include <cstdint>
#include <limits>

#include <doctest/doctest.h>

#include "config/suggest.h"

namespace tailrace::config {
namespace {

using namespace std::chrono_literals;

uint64_t bytes(std::string_view text) {
  const auto size = parse_size(text);
  CHECK_MESSAGE(size, std::string(text));
  return size ? size->bytes : 0;
}

int64_t nanoseconds(std::string_view text) {
  const auto duration = parse_duration(text);
  CHECK_MESSAGE(duration, std::string(text));
  return duration ? duration->count() : 0;
}

}  // namespace

TEST_CASE("Sizes: read") {
  CHECK(bytes("0") == 0);
  CHECK(bytes("4096") == 4096);
  CHECK(bytes("17B") == 17);
  CHECK(bytes("10MB") == 10'000'000);
  CHECK(bytes("64MiB") == 64ULL << 20);
  CHECK(bytes("64Mi") == 64ULL << 20);
  CHECK(bytes("1.5GiB") == 3ULL << 29);
  CHECK(bytes("1.25GiB") == 5ULL << 28);
  CHECK(bytes("0.1KiB") == 102);
  CHECK(bytes("16TiB") == 16ULL << 40);
  CHECK(bytes("18446744073709551615") == std::numeric_limits<uint64_t>::max());
  for (const char* text : {"", "MiB", "-1", "1 MiB", "64M", "1k", "1.MiB", "1.5.5MiB", "1MiB2",
                           "18446744073709551616", "99999999TiB", "0x10", "1e3"}) {
    CHECK_MESSAGE(!parse_size(text), text);
  }
}

TEST_CASE("Sizes: written in the shortest exact form, which reads back") {
  CHECK(print_size({0}) == "0");
  CHECK(print_size({4096}) == "4KiB");
  CHECK(print_size({1000}) == "1KB");
  CHECK(print_size({1001}) == "1001");
  CHECK(print_size({10'000'000}) == "10MB");
  CHECK(print_size({64ULL << 20}) == "64MiB");
  CHECK(print_size({3ULL << 29}) == "1536MiB");
  for (const uint64_t value : {0ULL, 1ULL, 999ULL, 123456789ULL, 1ULL << 40, ~0ULL}) {
    CHECK(bytes(print_size({value})) == value);
  }
}

TEST_CASE("Durations: read as Prometheus does, and a little more") {
  CHECK(nanoseconds("0") == 0);
  CHECK(nanoseconds("5s") == 5'000'000'000);
  CHECK(nanoseconds("1m30s") == 90'000'000'000);
  CHECK(nanoseconds("500ms") == 500'000'000);
  CHECK(nanoseconds("1h") == 3600'000'000'000);
  CHECK(nanoseconds("2d") == 2 * 86400'000'000'000);
  CHECK(nanoseconds("1w") == 7 * 86400'000'000'000);
  CHECK(nanoseconds("1.5s") == 1'500'000'000);
  CHECK(nanoseconds("10us") == 10'000);
  CHECK(nanoseconds("7ns") == 7);
  for (const char* text : {"", "5", "s", "-5s", "5 s", "30s1m", "1m1m", "5sec", "400y", "1h30"}) {
    CHECK_MESSAGE(!parse_duration(text), text);
  }
}

TEST_CASE("Durations: written so that they read back") {
  CHECK(print_duration(0s) == "0s");
  CHECK(print_duration(90s) == "1m30s");
  CHECK(print_duration(24h) == "1d");
  CHECK(print_duration(1500ms) == "1s500ms");
  CHECK(print_duration(-5s) == "-5s");
  for (const int64_t value : {1LL, 1'000'000'001LL, 86'399'999'999'999LL}) {
    CHECK(nanoseconds(print_duration(Duration(value))) == value);
  }
}

TEST_CASE("Numbers: nothing but the number") {
  CHECK(parse_int64("-9223372036854775808") == std::numeric_limits<int64_t>::min());
  CHECK(parse_uint64("+5") == 5U);
  CHECK(parse_double("1e-3") == 0.001);
  for (const char* text : {"", "+", "+-5", "5x", " 5", "1_000", "0x5"}) {
    CHECK_MESSAGE(!parse_int64(text), text);
    CHECK_MESSAGE(!parse_uint64(text), text);
  }
  CHECK_FALSE(parse_uint64("-5"));
  CHECK_FALSE(parse_double("nan"));
  CHECK_FALSE(parse_double("inf"));
}

TEST_CASE("Suggestions: the closest word, or the few that there are") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("tiemout", "timeout") == 1);
  CHECK(suggest("timeuot", {"url", "timeout"}) == "did you mean \"timeout\"?");
  CHECK(suggest("Batch-Size", {"batch_size", "linger"}) == "did you mean \"batch_size\"?");
  CHECK(suggest("tail", {"tai", "tails"}) == "did you mean \"tai\"?");
  CHECK(suggest("zzz", {"url", "timeout"}) == "known: url, timeout");
  CHECK(suggest("otlphttp", {"loki", "otlp"}) == "did you mean \"otlp\"?");
  CHECK(suggest("tls", {"url", "tls_config"}) == "did you mean \"tls_config\"?");
  CHECK(suggest("endpoint", {"listen", "tls"}) == "did you mean \"listen\"?");
  CHECK(suggest("Insert", {"add", "upsert"}) == "did you mean \"add\"?");
  CHECK(suggest("endpoint", {"endpoints", "url"}) == "did you mean \"endpoints\"?");
  CHECK(suggest("zzz", {}).empty());
  CHECK(suggest("zzz", std::vector<std::string>(100, "word")).empty());
}

}  // namespace tailrace::config
