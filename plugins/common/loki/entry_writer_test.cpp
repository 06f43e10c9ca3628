#include "plugins/common/loki/entry_writer.h"

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "codec/proto_reader.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test

namespace {

/// The content of one entry, in hexadecimal, written by an EntryWriter.
std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    out += kDigits[static_cast<uint8_t>(c) >> 4];
    out += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

struct Written {
  std::string content;  // of the entries field
  bool ascii = false;
};

/// Writes into memory of exactly the promised size, so that a sanitizer sees one byte more.
Written write(loki::EntryWriter& writer, int64_t timestamp, const std::string& line,
              std::string_view ready = {}, const std::vector<MetaPair>& pairs = {}) {
  const MetaSpan metadata{pairs.data(), static_cast<uint32_t>(pairs.size())};
  const std::unique_ptr<char[]> exact_line(new char[line.size()]);
  std::memcpy(exact_line.get(), line.data(), line.size());
  const std::string_view line_view(exact_line.get(), line.size());
  const size_t bound =
      loki::EntryWriter::entry_bound(line_view, ready, metadata) + loki::kWriteSlack;
  const std::unique_ptr<char[]> buffer(new char[bound]);
  char* end = writer.write(buffer.get(), timestamp, line_view, ready, metadata);
  REQUIRE(static_cast<size_t>(end - buffer.get()) <= bound);
  codec::ProtoReader stream({buffer.get(), static_cast<size_t>(end - buffer.get())});
  REQUIRE(stream.next());
  REQUIRE(stream.field() == loki::kEntriesField);
  Written out{std::string(stream.bytes()), writer.text_was_ascii()};
  REQUIRE_FALSE(stream.next());
  REQUIRE(stream.ok());
  return out;
}

}  // namespace

TEST_CASE("EntryWriter: the bytes that the protobuf library writes") {
  // Made with Python's protobuf library from push.proto's messages.
  loki::EntryWriter writer;
  CHECK(hex(write(writer, 1767323045123456789, "hello world").content) ==
        "0a0b08a5ebdcca0610959aef3a120b68656c6c6f20776f726c64");
  CHECK(hex(write(writer, -1, "before").content) ==
        "0a1108ffffffffffffffffff0110ff93ebdc0312066265666f7265");
  CHECK(hex(write(writer, 0, "epoch").content) == "0a00120565706f6368");
  std::string xs = "0a0808a5ebdcca06100712c801";
  for (int i = 0; i < 200; ++i) {
    xs += "78";
  }
  CHECK(hex(write(writer, 1767323045000000007, std::string(200, 'x')).content) == xs);
}

TEST_CASE("EntryWriter: metadata, ready-made and by pair") {
  // As above, but for the empty value, which is written out here.
  loki::EntryWriter writer;
  const std::string level = loki::encode_metadata_pair("detected_level", "info");
  const Written entry = write(writer, 1767323045123456789, "grün", level, {{"k", ""}});
  CHECK(hex(entry.content) ==
        "0a0b08a5ebdcca0610959aef3a12056772c3bc6e1a160a0e64657465637465645f6c6576656c1204696e666f"
        "1a050a016b1200");
}

TEST_CASE("EntryWriter: knows whether text was ASCII, wherever the odd byte is") {
  loki::EntryWriter writer;
  for (size_t size = 0; size < 200; ++size) {
    std::string line(size, 'a');
    const Written plain = write(writer, 5, line);
    REQUIRE(plain.ascii);
    for (size_t i = 0; i < size; ++i) {
      line[i] = '\x80';
      const Written odd = write(writer, 5, line);
      REQUIRE_FALSE(odd.ascii);
      REQUIRE(odd.content.substr(odd.content.size() - size) == line);
      line[i] = 'a';
    }
  }
  CHECK(write(writer, 5, "a").ascii);
  CHECK_FALSE(write(writer, 5, "a", {}, {{"name", "v\xff"}}).ascii);
  CHECK_FALSE(write(writer, 5, "a", {}, {{"n\xff", "v"}}).ascii);
}

TEST_CASE("EntryWriter: every timestamp, in whatever order") {
  loki::EntryWriter writer;
  std::mt19937_64 random(4);
  std::vector<int64_t> times = {
      -9223372036000000000, INT64_MAX,     -1'000'000'000, -999'999'999, -1, 0, 1,
      999'999'999,          1'000'000'000, 1'000'000'001};
  for (int i = 0; i < 5000; ++i) {
    const int64_t base = (static_cast<int64_t>(random()) >> (random() % 40)) / 2;
    times.push_back(base);
    times.push_back(base + static_cast<int64_t>(random() % 1'000'000));
  }
  for (const int64_t time : times) {
    const std::string content = write(writer, time, "x").content;
    codec::ProtoReader fields(content);
    REQUIRE(fields.next());
    codec::ProtoReader stamp(fields.bytes());
    __int128 seconds = 0;
    __int128 nanos = 0;
    while (stamp.next()) {
      (stamp.field() == 1 ? seconds : nanos) = static_cast<int64_t>(stamp.varint());
    }
    REQUIRE(stamp.ok());
    REQUIRE(nanos >= 0);
    REQUIRE(nanos < 1'000'000'000);
    REQUIRE(seconds * 1'000'000'000 + nanos == time);
  }
}
