#include "pipeline/checkpoint_fuzz.h"

#include <cstdint>
#include <string>

#include "tailrace/check.h"

#include "delivery/fixed_ints.h"
#include "delivery/state_header.h"
#include "pipeline/checkpoint_format.h"

namespace tailrace::pipeline {

namespace {

void check(std::string_view bytes) {
  const auto file = decode_checkpoints(bytes, "fuzz");
  if (file) {
    const auto again = decode_checkpoints(encode_checkpoints(file->rows, file->number), "fuzz");
    TR_CHECK(again && again->rows == file->rows && again->number == file->number);
  }
}

}  // namespace

void fuzz_checkpoints(std::string_view bytes) {
  check(bytes);
  // The same as the body of a file whose checksums are right, so that the rows are looked at.
  constexpr size_t kCounts = delivery::kStateHeaderSize;
  std::string whole = encode_checkpoints({}, 1);
  const size_t body = whole.size();
  whole += bytes;
  delivery::store_u64(&whole[kCounts], bytes.size() / 12);
  delivery::store_u64(&whole[kCounts + 8], bytes.size());
  const uint32_t counts =
      delivery::state_checksum(std::string_view(whole).substr(kCounts, body - 4 - kCounts));
  delivery::store_u32(&whole[body - 4], delivery::state_checksum(bytes, counts));
  check(whole);
}

}  // namespace tailrace::pipeline

#ifdef TAILRACE_LIBFUZZER
// clang++ -fsanitize=fuzzer,address -DTAILRACE_LIBFUZZER …
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tailrace::pipeline::fuzz_checkpoints({reinterpret_cast<const char*>(data), size});
  return 0;
}
#endif
