#include "codec/timestamp.h"

#include <cstdint>
#include <ctime>
#include <random>
#include <string>

#include <doctest/doctest.h>

using namespace tailrace::codec;  // NOLINT(google-build-using-namespace): a test

namespace {

constexpr int64_t kSecond = 1'000'000'000;

int64_t rfc3339(std::string_view text) {
  int64_t ns = INT64_MIN;
  return parse_rfc3339(text, ns) ? ns : INT64_MIN;
}
int64_t epoch(std::string_view text) {
  int64_t ns = INT64_MIN;
  return parse_epoch(text, ns) ? ns : INT64_MIN;
}
std::string formatted(int64_t ns) {
  char text[kRfc3339Bytes];
  return std::string(text, format_rfc3339(ns, text));
}

}  // namespace

TEST_CASE("parse_rfc3339: shapes that runtimes write") {
  const int64_t base = 1767323045 * kSecond;  // 2026-01-02T03:04:05Z
  CHECK(rfc3339("2026-01-02T03:04:05Z") == base);
  CHECK(rfc3339("2026-01-02T03:04:05.6Z") == base + 600'000'000);
  CHECK(rfc3339("2026-01-02T03:04:05.123456789Z") == base + 123'456'789);
  CHECK(rfc3339("2026-01-02T03:04:05.1234567899Z") == base + 123'456'789);
  CHECK(rfc3339("2026-01-02T03:04:05,25Z") == base + 250'000'000);
  CHECK(rfc3339("2026-01-02T05:04:05.000000001+02:00") == base + 1);
  CHECK(rfc3339("2026-01-01T21:34:05-05:30") == base);
  CHECK(rfc3339("2026-01-02 03:04:05+00:00") == base);
  CHECK(rfc3339("2026-01-02t03:04:05z") == base);
  CHECK(rfc3339("2026-01-02T05:04:05+0200") == base);
  CHECK(rfc3339("2026-01-02T05:04:05+02") == base);
  CHECK(rfc3339("1969-12-31T23:59:59.5Z") == -kSecond / 2);
  CHECK(rfc3339("2016-12-31T23:59:60Z") == rfc3339("2017-01-01T00:00:00Z"));
  CHECK(rfc3339("2024-02-29T00:00:00Z") == 1709164800 * kSecond);
}

TEST_CASE("parse_rfc3339: what is no timestamp") {
  for (const char* text : {"",
                           "2026",
                           "2026-01-02",
                           "2026-01-02T03:04:05",
                           "2026-01-02T03:04:05.Z",
                           "2026-13-02T03:04:05Z",
                           "2026-02-29T03:04:05Z",
                           "2026-01-32T03:04:05Z",
                           "2026-01-02T24:04:05Z",
                           "2026-01-02T03:60:05Z",
                           "2026-01-02T03:04:61Z",
                           "2026-01-02T03:04:05+2",
                           "2026-01-02T03:04:05+99:00",
                           "2026-01-02T03:04:05Z ",
                           "2026-01-02X03:04:05Z",
                           "2026/01/02T03:04:05Z",
                           "-026-01-02T03:04:05Z",
                           "1500-01-02T03:04:05Z",
                           "9999-01-02T03:04:05Z",
                           "2026-01-02T03:04:05 Z"}) {
    CAPTURE(text);
    CHECK(rfc3339(text) == INT64_MIN);
  }
}

TEST_CASE("format_rfc3339: trimmed as Go does, and read back") {
  CHECK(formatted(0) == "1970-01-01T00:00:00Z");
  CHECK(formatted(1767323045 * kSecond + 120'000'000) == "2026-01-02T03:04:05.12Z");
  CHECK(formatted(-1) == "1969-12-31T23:59:59.999999999Z");
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const int64_t ns = static_cast<int64_t>(random() >> 1) / 2 * (i % 2 == 0 ? 1 : -1);
    const std::string text = formatted(ns);
    REQUIRE(rfc3339(text) == ns);
    // The C library's calendar agrees.
    std::time_t seconds = ns / kSecond - (ns % kSecond < 0 ? 1 : 0);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char expected[32];
    std::strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", &parts);
    REQUIRE(text.substr(0, 19) == expected);
  }
}

TEST_CASE("TimestampReader: a run of lines reads like each line alone") {
  TimestampReader reader;
  std::mt19937 random(5);
  const char* zones[] = {"Z", "+02:00", "-05:30", "+00:00"};
  for (int i = 0; i < 20000; ++i) {
    // Mostly the same second and zone; sometimes another, with 0 to 9 digits.
    char second[40];
    std::snprintf(second, sizeof second, "2026-01-02T03:%02d:%02d", i / 5000,
                  static_cast<int>(random() % 20 == 0 ? random() % 60 : 7));
    std::string text = second;
    const unsigned digits = random() % 3 == 0 ? random() % 10 : 9;
    for (unsigned d = 0; d < digits; ++d) {
      text += d == 0 ? "." : "";
      text += static_cast<char>('0' + random() % 10);
    }
    text += zones[random() % 10 == 0 ? random() % 4 : 1];
    const std::string line = text + " stdout F message";
    int64_t ns = 0;
    const char* stop = reader.read(line.data(), line.data() + line.size(), ns);
    CAPTURE(line);
    REQUIRE(stop == line.data() + text.size());
    REQUIRE(ns == rfc3339(text));
    // Alone, up to its very end.
    int64_t alone = 0;
    REQUIRE(reader.read(text.data(), text.data() + text.size(), alone) ==
            text.data() + text.size());
    REQUIRE(alone == ns);
  }
}

TEST_CASE("TimestampReader: garbage after a good line is still garbage") {
  TimestampReader reader;
  int64_t ns = 0;
  const std::string good = "2026-01-02T03:04:05.123456789Z stdout F x";
  REQUIRE(reader.read(good.data(), good.data() + good.size(), ns) != nullptr);
  for (const std::string text :
       {"2026-01-02T03:04:05.123456789Zstdout", "2026-01-02T03:04:05.12345x789Z stdout",
        "2026-01-02T03:04:05.Z stdout", "2026-01-02T03:04:05", "2026-01-02T03:04:05.", "", " ",
        "2026-01-02T03:04:05.123456789", "hello world",
        "2026-01-02T03:04:05.12345678901234567890123456789012345678901234567890Z no space"}) {
    CAPTURE(text);
    CHECK(reader.read(text.data(), text.data() + text.size(), ns) == nullptr);
  }
  // Every single byte of the timestamp matters.
  for (size_t i = 0; i < 30; ++i) {
    std::string broken = good;
    broken[i] = 'x';
    CAPTURE(broken);
    CHECK(reader.read(broken.data(), broken.data() + broken.size(), ns) == nullptr);
  }
}

TEST_CASE("parse_epoch: the magnitude tells the unit, digits are exact") {
  CHECK(epoch("1767323045") == 1767323045 * kSecond);
  CHECK(epoch("1767323045123") == 1767323045'123'000'000);
  CHECK(epoch("1767323045123456") == 1767323045'123'456'000);
  CHECK(epoch("1767323045123456789") == 1767323045'123'456'789);
  CHECK(epoch("1767323045.123456789") == 1767323045'123'456'789);
  CHECK(epoch("1767323045.1234567891234567") == 1767323045'123'456'789);
  CHECK(epoch("1767323045123.5") == 1767323045'123'500'000);
  CHECK(epoch("1.767323045e9") == 1767323045 * kSecond);
  CHECK(epoch("1767323045e0") == 1767323045 * kSecond);
  CHECK(epoch("1.767323045123E+12") == 1767323045'123'000'000);
  CHECK(epoch("0.001") == 1'000'000);
  CHECK(epoch("0") == 0);
  CHECK(epoch("-1.5") == -1'500'000'000);
  CHECK(epoch("0001767323045") == 1767323045 * kSecond);
}

TEST_CASE("parse_epoch: no numbers and numbers out of range") {
  for (const char* text : {"", "-", ".", "e5", "1e", "1e+", "12a", "1.2.3", "NaN", "0x10", " 1",
                           "99999999999", "99999999999999999999", "1e300", "9999999999999999999"}) {
    CAPTURE(text);
    CHECK(epoch(text) == INT64_MIN);
  }
}

TEST_CASE("parse_time: dates and numbers alike") {
  int64_t ns = 0;
  CHECK(parse_time("2026-01-02T03:04:05Z", ns));
  CHECK(ns == 1767323045 * kSecond);
  CHECK(parse_time("1767323045", ns));
  CHECK(ns == 1767323045 * kSecond);
  CHECK_FALSE(parse_time("yesterday", ns));
}

TEST_CASE("parse_epoch: a known unit needs no magnitude") {
  const auto epoch_in = [](EpochUnit unit, const char* text) {
    int64_t ns = 0;
    return parse_epoch(text, unit, ns) ? ns : INT64_MIN;
  };
  CHECK(epoch_in(EpochUnit::seconds, "5") == 5 * kSecond);
  CHECK(epoch_in(EpochUnit::seconds, "1767323045.25") == 1767323045'250'000'000);
  CHECK(epoch_in(EpochUnit::milliseconds, "5.5") == 5'500'000);
  CHECK(epoch_in(EpochUnit::microseconds, "1767323045123456") == 1767323045'123'456'000);
  CHECK(epoch_in(EpochUnit::nanoseconds, "7.9") == 7);
  CHECK(epoch_in(EpochUnit::seconds, "1767323045123") == INT64_MIN);
  CHECK(epoch_in(EpochUnit::seconds, "soon") == INT64_MIN);
}
