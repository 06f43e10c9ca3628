#include "plugins/common/prom/scrape_cache/page_fuzz.h"

#include <random>
#include <string>

#include <doctest/doctest.h>

using namespace tailrace::common::prom;

TEST_CASE("fuzz_pages: pages with random damage") {
  static const std::string kText =
      "# HELP a A help.\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 2 100\n"
      "{\"b.c\",d=\"e\\\"\"} NaN\nb{x=\"\n\"} 1e5 7\nb{x=\"1\"} 1\ndrop 3\n";
  static const std::string kOpenMetrics =
      "# TYPE a counter\n# UNIT a_s s\na_total{x=\"1\"} 1 2.5 # {id=\"1\"} 2 3.5\na_created 4\n"
      "# HELP a_s x\na_s 0.25\n# EOF\n";
  // A gauge, and a native histogram with an exemplar.
  static const std::string kProtobuf(
      "\x16\x0a\x01g\x12\x01h\x18\x01\x22\x0b\x12\x09\x09\x00\x00\x00\x00\x00\x00\xf0\x3f"
      "\x20\x00"
      "\x20\x0a\x01h\x18\x04\x22\x19\x0a\x06\x0a\x01x\x12\x01y\x3a\x0f\x08\x02\x28\x04\x38\x01"
      "\x62\x04\x08\x02\x10\x01\x6a\x01\x02\x7a\x00",
      56);
  std::mt19937 random(5);
  const std::string* const pages[] = {&kText, &kOpenMetrics, &kProtobuf};
  for (int i = 0; i < 30'000; ++i) {
    const std::string& page = *pages[random() % 3];
    std::string bytes = page + (random() % 2 == 0 ? page : "");
    for (size_t damage = random() % 4; damage > 0 && !bytes.empty(); --damage) {
      const size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, random() % 5);
          break;
        case 2:
          bytes.insert(at, 1, "\n\"{}\\\0# "[random() % 8]);
          break;
        default:
          bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 20));
      }
    }
    fuzz_pages(std::string(1, static_cast<char>(random())) +
               std::string(1, static_cast<char>(random())) + bytes);
  }
}
