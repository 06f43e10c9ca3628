#include "plugins/inputs/tail/checkpoint_row.h"

#include <doctest/doctest.h>

using namespace tailrace;
using namespace tailrace::inputs::tail;

namespace {

CheckpointRow example() {
  CheckpointRow row;
  row.format = Format::cri;
  row.finished = true;
  row.inode = 0x1234;
  row.fingerprint = {1024, 0x0123456789abcdef};
  row.point.offset = 300;
  row.point.streams[kStdout] = {1'767'323'045'000'000'000, 2, LineState::skip};
  row.size = 512;
  row.mtime_ns = 1'767'323'045'500'000'000;
  row.fallback_time = 1'767'323'044'000'000'000;
  row.decisions = {{400, kEndStderr}};
  row.real_path = "/var/log/pods/a_b_c/d/0.log";
  row.label_path = "/var/log/containers/x.log";
  return row;
}

}  // namespace

TEST_CASE("checkpoint row: reads what it wrote") {
  CHECK(*decode_row(encode_row(example())) == example());
  CHECK(*decode_row(encode_row({})) == CheckpointRow{});
}

TEST_CASE("checkpoint row: the example of CHECKPOINT_FORMAT.md") {
  std::string hex;
  for (const char c : encode_row(example())) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[static_cast<uint8_t>(c) >> 4];
    hex += kDigits[static_cast<uint8_t>(c) & 15];
  }
  constexpr char kFirstBytes[] =
      "010102b4248008ef9bafcdf8acd19101ac0280c8b1c9c3bce586310201ffffffffffffffffff01000080"
      "0480dc9ca6c7bce5863180a0db8fbcbce58631019003041b2f7661722f6c";
  CHECK(hex.substr(0, std::size(kFirstBytes) - 1) == kFirstBytes);
  CHECK(checkpoint_key(0x1234, {1024, 0x0123456789abcdef}, 0) == "1234.1024.0123456789abcdef");
  CHECK(checkpoint_key(0x1234, {1024, 0x0123456789abcdef}, 1) == "1234.1024.0123456789abcdef#1");
}

TEST_CASE("checkpoint row: anything cut off or too long is corrupt, a newer version is told") {
  const std::string bytes = encode_row(example());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto row = decode_row(std::string_view(bytes).substr(0, size));
    REQUIRE_FALSE(row);
    REQUIRE(row.error().code == ErrorCode::corrupt);
  }
  CHECK_FALSE(decode_row(bytes + "x"));
  std::string newer = bytes;
  newer[0] = 2;
  CHECK(decode_row(newer).error().code == ErrorCode::unsupported);
}

TEST_CASE("checkpoint row: any bytes are read without harm") {
  std::string bytes = encode_row(example());
  for (size_t i = 1; i < bytes.size(); ++i) {
    for (int flip = 1; flip < 256; flip += 37) {
      std::string broken = bytes;
      broken[i] = static_cast<char>(broken[i] ^ flip);
      const auto row = decode_row(broken);
      if (row) {
        CHECK(row->decisions.size() <= broken.size());
      }
    }
  }
}
