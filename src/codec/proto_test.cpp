#include <array>
#include <cstdint>
#include <string>

#include <doctest/doctest.h>

#include "codec/proto_reader.h"
#include "codec/proto_writer.h"
#include "codec/varint.h"

using namespace tailrace::codec;  // NOLINT(google-build-using-namespace): a test
using namespace std::string_literals;

TEST_CASE("varint: sizes and round trips at every border") {
  for (int bits = 0; bits <= 64; ++bits) {
    for (int delta = -1; delta <= 1; ++delta) {
      const uint64_t value =
          (bits == 64 ? 0 : uint64_t{1} << bits) + static_cast<uint64_t>(int64_t{delta});
      std::array<char, kMaxVarintBytes> buffer{};
      char* end = write_varint(buffer.data(), value);
      REQUIRE(static_cast<size_t>(end - buffer.data()) == varint_size(value));
      const char* at = buffer.data();
      uint64_t back = 0;
      REQUIRE(read_varint(at, end, back));
      CHECK(back == value);
      CHECK(at == end);
    }
  }
}

TEST_CASE("varint: cut off or endless ones are refused") {
  const std::string cut = "\xff\xff";
  const std::string endless(11, '\x80');
  for (const std::string& text : {cut, endless, ""s}) {
    const char* at = text.data();
    uint64_t value = 0;
    CHECK_FALSE(read_varint(at, text.data() + text.size(), value));
    CHECK(at == text.data());
  }
}

TEST_CASE("zigzag: small negatives are small") {
  CHECK(zigzag(0) == 0);
  CHECK(zigzag(-1) == 1);
  CHECK(zigzag(1) == 2);
  CHECK(unzigzag(zigzag(INT64_MIN)) == INT64_MIN);
}

TEST_CASE("proto_writer: the bytes of protobuf's own documentation") {
  // "Encoding": field 1 = 150; field 2 = "testing".
  std::string out(64, '\0');
  char* end = write_varint_field(out.data(), 1, 150);
  end = write_bytes_field(end, 2, "testing");
  out.resize(static_cast<size_t>(end - out.data()));
  CHECK(out == "\x08\x96\x01\x12\x07testing");
  CHECK(out.size() == varint_field_size(1, 150) + bytes_field_size(2, 7));
}

TEST_CASE("ProtoReader: reads every wire type and skips what nobody asked for") {
  std::string out(128, '\0');
  char* end = write_varint_field(out.data(), 1, 42);
  end = write_bytes_field(end, 2, "text");
  end = write_fixed64_field(end, 300, 7);
  end = write_double_field(end, 4, 1.5);
  end = write_bytes_field(end, 5, "");
  out.resize(static_cast<size_t>(end - out.data()));

  ProtoReader message(out);
  REQUIRE(message.next());
  CHECK(message.field() == 1);
  CHECK(message.varint() == 42);
  REQUIRE(message.next());
  CHECK(message.wire_type() == WireType::bytes);
  CHECK(message.bytes() == "text");
  REQUIRE(message.next());
  CHECK(message.field() == 300);
  CHECK(message.fixed64() == 7);
  REQUIRE(message.next());
  message.skip();
  REQUIRE(message.next());
  CHECK(message.bytes().empty());
  CHECK_FALSE(message.next());
  CHECK(message.ok());
}

TEST_CASE("ProtoReader: broken messages end the walk and say so") {
  SUBCASE("length beyond the end") {
    ProtoReader message("\x12\x07test");
    REQUIRE(message.next());
    CHECK(message.bytes().empty());
    CHECK_FALSE(message.ok());
    CHECK_FALSE(message.next());
  }
  SUBCASE("another wire type than asked for") {
    ProtoReader message("\x08\x01");
    REQUIRE(message.next());
    CHECK(message.bytes().empty());
    CHECK_FALSE(message.ok());
  }
  SUBCASE("a group, which proto3 has not") {
    ProtoReader message("\x0b");
    CHECK_FALSE(message.next());
    CHECK_FALSE(message.ok());
  }
  SUBCASE("field number 0") {
    ProtoReader message("\x02\x01x");
    CHECK_FALSE(message.next());
    CHECK_FALSE(message.ok());
  }
  SUBCASE("a varint that never ends") {
    const std::string text = "\x08" + std::string(12, '\xff');
    ProtoReader message(text);
    REQUIRE(message.next());
    CHECK(message.varint() == 0);
    CHECK_FALSE(message.ok());
  }
}
