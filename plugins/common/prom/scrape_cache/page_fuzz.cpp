#include "plugins/common/prom/scrape_cache/page_fuzz.h"

#include <cstdint>
#include <string>

#include "tailrace/check.h"

#include "plugins/common/prom/scrape_cache/cache_bench_test.h"

namespace tailrace::common::prom {

void fuzz_pages(std::string_view bytes) {
  if (bytes.size() < 2) {
    return;
  }
  const auto first = static_cast<unsigned char>(bytes[0]);
  const auto second = static_cast<unsigned char>(bytes[1]);
  const std::string_view rest = bytes.substr(2);
  const auto format = static_cast<PageFormat>(first % 3);
  PageOptions options;
  options.native_histograms = (first & 8) != 0;
  options.always_classic_histograms = (first & 16) != 0;
  options.honor_timestamps = (first & 32) == 0;
  options.track_timestamps_staleness = (first & 64) != 0;
  options.sample_limit = (first & 128) != 0 ? 5 : 0;
  const size_t cut = rest.size() * (second % 16) / 16;
  const size_t chunk = 1 + second / 16;

  CacheBench whole(options);
  CacheBench cut_up(options);
  const std::string_view pages[] = {rest.substr(0, cut), rest.substr(cut), rest.substr(0, cut)};
  for (int64_t time = 1000; const std::string_view page : pages) {
    time += 100;
    const bool good = whole.page(page, time, format);
    TR_CHECK(cut_up.page(page, time, format, chunk) == good);
    TR_CHECK(cut_up.rows == whole.rows && cut_up.exemplars == whole.exemplars);
    TR_CHECK(cut_up.histogram_rows == whole.histogram_rows);
    TR_CHECK(!whole.expected_too_few);
    for (const TestRow& row : whole.rows) {
      TR_CHECK(good || row.value == kStaleNan);
    }
    TR_CHECK(good == (whole.cache.error().kind == PageError::Kind::none));
    if (!good) {
      TR_CHECK(whole.cache.live_series() == 0);
    }
  }
  TR_CHECK(whole.page("alone 1\n", 5000));
  TR_CHECK(whole.cache.live_series() == 1);
}

}  // namespace tailrace::common::prom

#ifdef TAILRACE_LIBFUZZER
// clang++ -fsanitize=fuzzer,address -DTAILRACE_LIBFUZZER …
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tailrace::common::prom::fuzz_pages({reinterpret_cast<const char*>(data), size});
  return 0;
}
#endif
