#include "delivery/spool_format.h"

#include <random>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "delivery/spool_fuzz.h"
#include "delivery/spool_rig_test.h"

using namespace tailrace;
using namespace tailrace::delivery;

namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    text += fmt::format("{}{:02x}",
                        i == 0        ? ""
                        : i % 16 == 0 ? "\n"
                                      : " ",
                        static_cast<unsigned char>(bytes[i]));
  }
  return text;
}

}  // namespace

// The worked example of SPOOL_FORMAT.md. Segments outlive the process that wrote them: a change
// here needs a new version, and a reader for the old one.
TEST_CASE("spool format: the bytes are those of the format page") {
  CHECK(SegmentName{7, 0x5a17ca5e}.text() == "0000000000000007-5a17ca5e.spool");
  CHECK(hex(encode_state_header(kSegmentMagic, {1, 7, 0x5a17ca5e, "0.1.0"})) ==
        "54 52 53 50 4f 4f 4c 0a 01 00 00 00 40 00 00 00\n"
        "07 00 00 00 00 00 00 00 5e ca 17 5a 30 2e 31 2e\n"
        "30 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
        "00 00 00 00 00 00 00 00 00 00 00 00 91 d6 13 85");
  Envelope envelope;
  envelope.tenant = "acme";
  envelope.order_key = 3;
  envelope.sources = {{"pods", "logs"}};
  envelope.parts = {{0, {0, 300, {2, 200}}}};
  const std::string head = encode_record_head(0x5a17ca5e, 42, envelope, "hello");
  CHECK(hex(head + "hello") ==
        "54 52 72 63 5e ca 17 5a 2a 00 00 00 00 00 00 00\n"
        "1a 00 00 00 05 00 00 00 21 25 38 b5 4c bb 71 9a\n"
        "00 00 00 00 5e 13 50 f7 01 03 04 61 63 6d 65 01\n"
        "04 70 6f 64 73 04 6c 6f 67 73 01 00 00 ac 02 02\n"
        "c8 01 00 68 65 6c 6c 6f");
  CHECK(record_size(envelope, 5) == head.size() + 5);
}

TEST_CASE("spool format: records come back as they went in") {
  for (uint64_t id = 0; id < 50; ++id) {
    const Envelope envelope = test_envelope(id);
    const std::string payload = test_payload(id);
    const std::string head = encode_record_head(7, id, envelope, payload);
    const auto header = decode_record_header(head, 7);
    REQUIRE(header);
    CHECK(header->serial == id);
    CHECK(header->payload_size == payload.size());
    CHECK(header->payload_offset() == head.size());
    CHECK(header->record_size() % kRecordAlignment == 0);
    CHECK(header->record_size() == record_size(envelope, payload.size()));
    const auto decoded =
        decode_envelope(std::string_view(head).substr(kRecordHeaderSize, header->envelope_size));
    REQUIRE(decoded);
    CHECK(same(*decoded, envelope));
    CHECK(!decode_record_header(head, 8));
    CHECK(!decode_record_header(std::string_view(head).substr(0, kRecordHeaderSize - 1), 7));
  }
}

TEST_CASE("spool format: extreme numbers fit into an envelope") {
  Envelope envelope;
  envelope.format_version = ~0u;
  envelope.order_key = ~0ull;
  envelope.sources = {{"", ""}, {std::string(1000, 'i'), "p"}};
  envelope.parts = {{1, {~0u, ~0u, {~0ull, ~0ull}}}};
  const auto decoded = decode_envelope(encode_envelope(envelope));
  REQUIRE(decoded);
  CHECK(same(*decoded, envelope));
}

TEST_CASE("spool format: a malformed envelope is refused") {
  const std::string good = encode_envelope(test_envelope(3));
  REQUIRE(decode_envelope(good));
  for (size_t size = 0; size < good.size(); ++size) {
    CHECK(decode_envelope(good.substr(0, size)).error().code == ErrorCode::corrupt);
  }
  CHECK(!decode_envelope(good + "x"));
  Envelope envelope;
  envelope.parts.resize(1);
  envelope.sources = {{"i", "p"}};
  std::string bytes = encode_envelope(envelope);
  bytes[bytes.size() - 5] = 1;  // its part names a source that is not there
  CHECK(!decode_envelope(bytes));
}

TEST_CASE("spool format: only whole names are segments' names") {
  const std::string name = SegmentName{0xabcdef, 0x12}.text();
  REQUIRE(parse_segment_name(name));
  CHECK(parse_segment_name(name)->number == 0xabcdef);
  CHECK(parse_segment_name(name)->salt == 0x12);
  for (const char* other :
       {"", "x", "0000000000000007-5a17ca5e.spoo", "0000000000000007-5A17CA5E.spool",
        "000000000000007--5a17ca5e.spool", "0000000000000007_5a17ca5e.spool",
        "+000000000000007-5a17ca5e.spool", "0000000000000007-5a17ca5e.spool~"}) {
    CAPTURE(other);
    CHECK(!parse_segment_name(other));
  }
}

TEST_CASE("spool format: a state header says what it is, and by whom") {
  const StateHeader header{1, 9, 5, "1.2.3"};
  const std::string bytes = encode_state_header(kSegmentMagic, header);
  const auto decoded = decode_state_header(bytes, kSegmentMagic, 1, "x");
  REQUIRE(decoded);
  CHECK(decoded->number == 9);
  CHECK(decoded->salt == 5);
  CHECK(decoded->build == "1.2.3");
  CHECK(decode_state_header(bytes.substr(1), kSegmentMagic, 1, "x").error().code ==
        ErrorCode::corrupt);
  CHECK(decode_state_header(bytes, "OTHER...", 1, "x").error().code == ErrorCode::corrupt);
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    CHECK(decode_state_header(damaged, kSegmentMagic, 1, "x").error().code == ErrorCode::corrupt);
  }
  const std::string long_build(40, 'b');
  const auto cut = decode_state_header(encode_state_header(kSegmentMagic, {1, 0, 0, long_build}),
                                       kSegmentMagic, 1, "x");
  CHECK(cut->build == std::string(28, 'b'));
  const auto newer = decode_state_header(encode_state_header(kSegmentMagic, {2, 9, 5, "9.9"}),
                                         kSegmentMagic, 1, "the file");
  REQUIRE(!newer);
  CHECK(newer.error().code == ErrorCode::unsupported);
  CHECK(newer.error().message.find("the file") != std::string::npos);
  CHECK(newer.error().message.find("9.9") != std::string::npos);
}

TEST_CASE("spool format: readers stand whatever bytes they get") {
  std::mt19937_64 random(1);
  std::string records;
  for (uint64_t id = 0; id < 6; ++id) {
    records +=
        encode_record_head(0x5a17ca5e, id, test_envelope(id), test_payload(id)) + test_payload(id);
  }
  const std::string seeds[] = {
      "\x02" + records, std::string(1, '\0') + encode_envelope(test_envelope(3)),
      "\x01" + encode_state_header(kSegmentMagic, {1, 1, 2, ""}) + records};
  for (const std::string& seed : seeds) {
    for (int i = 0; i < 3000; ++i) {
      std::string bytes = seed;
      for (uint64_t edits = random() % 6; edits > 0; --edits) {
        bytes[1 + random() % (bytes.size() - 1)] = static_cast<char>(random());
      }
      if (random() % 3 == 0) {
        bytes.resize(1 + random() % bytes.size());
      }
      fuzz_spool(bytes);
    }
  }
}
