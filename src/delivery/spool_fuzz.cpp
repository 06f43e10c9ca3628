#include "delivery/spool_fuzz.h"

#include <cstdint>
#include <memory>
#include <string>

#include "tailrace/check.h"

#include "delivery/spool_format.h"
#include "delivery/spool_log.h"
#include "delivery/spool_scan.h"
#include "testkit/crash_fs.h"

namespace tailrace::delivery {

namespace {

constexpr uint32_t kSalt = 0x5a17ca5e;

void fuzz_envelope(std::string_view bytes) {
  const auto envelope = decode_envelope(bytes);
  if (envelope) {
    for (const auto& part : envelope->parts) {
      TR_CHECK(part.source < envelope->sources.size());
    }
    // The same, though perhaps shorter: varints may be written with needless bytes.
    const std::string again = encode_envelope(*envelope);
    TR_CHECK(again.size() <= bytes.size());
    TR_CHECK(encode_envelope(*decode_envelope(again)) == again);
  }
}

void fuzz_segment(std::string_view bytes) {
  testkit::CrashFs disk;
  const std::string path = "/spool/" + SegmentName{1, kSalt}.text();
  disk.overwrite(path, std::string(bytes));
  auto file = disk.open(path, loop::FileLayer::Open::read);
  const auto scan = scan_segment(**file, kSalt, path);
  if (!scan) {
    TR_CHECK(scan.error().code == ErrorCode::unsupported);
    return;
  }
  TR_CHECK(scan->size == bytes.size() && scan->good_end <= scan->size);
  uint64_t end = 0;
  for (const ScannedRecord& record : scan->records) {
    TR_CHECK(record.offset >= end && record.offset % kRecordAlignment == 0);
    end = record.offset + record.header.record_size();
    TR_CHECK(end <= scan->good_end);
  }
  std::vector<RecoveredRecord> recovered;
  const auto log = SpoolLog::open(disk, "/spool", 1 << 20, recovered);
  TR_CHECK(log && recovered.size() == scan->records.size());
  for (const RecoveredRecord& record : recovered) {
    TR_CHECK((*log)->read(record.ref));
  }
}

}  // namespace

void fuzz_spool(std::string_view bytes) {
  if (bytes.empty()) {
    return;
  }
  const std::string_view rest = bytes.substr(1);
  switch (static_cast<unsigned char>(bytes[0]) % 3) {
    case 0:
      fuzz_envelope(rest);
      break;
    case 1:
      fuzz_segment(rest);
      break;
    default: {
      // With a good header and name, so that records are looked at.
      const StateHeader header{kSegmentVersion, 1, kSalt, "fuzz"};
      fuzz_segment(encode_state_header(kSegmentMagic, header).append(rest));
    }
  }
}

}  // namespace tailrace::delivery

#ifdef TAILRACE_LIBFUZZER
// clang++ -fsanitize=fuzzer,address -DTAILRACE_LIBFUZZER …
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tailrace::delivery::fuzz_spool({reinterpret_cast<const char*>(data), size});
  return 0;
}
#endif
