#include "codec/snappy.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <snappy.h>

#include "codec/varint.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test

namespace {

/// Text that compresses about as well as logs do, in pieces of the given sizes.
struct Pieces {
  explicit Pieces(const std::vector<size_t>& sizes) {
    std::mt19937 random(7);
    for (const size_t size : sizes) {
      std::string& piece = texts.emplace_back();
      while (piece.size() < size) {
        piece += "level=info request=" + std::to_string(random() % 10000) + " ";
      }
      piece.resize(size);
    }
    for (const std::string& text : texts) {
      views.emplace_back(text);
      whole += text;
    }
  }
  std::vector<std::string> texts;
  std::vector<std::string_view> views;
  std::string whole;
};

const std::vector<std::vector<size_t>> kShapes = {
    {},
    {0},
    {1},
    {0, 5, 0},
    {60},
    {61},
    {256},
    {257},
    {65535, 1},
    {65536},
    {65537},
    {3, 65536, 3, 200000, 17, 0, 100},
    {131072, 131071, 0, 131072, 262144},
    std::vector<size_t>(5000, 37),
};

/// As snappy's own, independent decompressor reads it.
std::string unpack(std::string_view compressed) {
  std::string out;
  REQUIRE(::snappy::Uncompress(compressed.data(), compressed.size(), &out));
  return out;
}

}  // namespace

TEST_CASE("snappy_compress: pieces come back as one text") {
  for (const auto& shape : kShapes) {
    const Pieces pieces(shape);
    const Bytes compressed = codec::snappy_compress(pieces.views);
    CHECK(unpack(compressed.view()) == pieces.whole);
  }
}

TEST_CASE("snappy_compress: hardly larger than one flat text") {
  const Pieces pieces({3, 65536, 3, 300000, 17, 130000});
  std::string flat;
  ::snappy::Compress(pieces.whole.data(), pieces.whole.size(), &flat);
  CHECK(codec::snappy_compress(pieces.views).size() < flat.size() * 101 / 100);
}

TEST_CASE("snappy_literals: valid snappy, hardly larger than its content") {
  for (const auto& shape : kShapes) {
    const Pieces pieces(shape);
    const Bytes packed = codec::snappy_literals(pieces.views);
    CHECK(unpack(packed.view()) == pieces.whole);
    CHECK(packed.size() <= pieces.whole.size() + 5 + 3 * (pieces.whole.size() / 65536 + 1));
  }
}

TEST_CASE("snappy_uncompress: content, padding, and limits") {
  const Pieces pieces({5000});
  const Bytes compressed = codec::snappy_compress(pieces.views);

  const auto whole = codec::snappy_uncompress(compressed.view(), 5000);
  REQUIRE(whole);
  CHECK(whole->view() == pieces.whole);
  CHECK(whole->data()[5000 + kBlockPadding - 1] == '\0');

  const auto over = codec::snappy_uncompress(compressed.view(), 4999);
  REQUIRE_FALSE(over);
  CHECK(over.error().code == ErrorCode::limit);
}

TEST_CASE("snappy_uncompress: broken blocks are refused, not believed") {
  const auto code_of = [](std::string_view bytes) {
    const auto result = codec::snappy_uncompress(bytes, 1 << 30);
    REQUIRE_FALSE(result);
    return result.error().code;
  };
  CHECK(code_of("") == ErrorCode::invalid);
  CHECK(code_of("\xff\xff\xff\xff\xff\xff") == ErrorCode::invalid);
  CHECK(code_of("plain text that is no snappy") == ErrorCode::invalid);
  // Says it is 512 MiB long; nothing may be allocated for it.
  std::string liar(5, '\0');
  codec::write_varint(liar.data(), 512 << 20);
  CHECK(code_of(liar + "xx") == ErrorCode::invalid);
  // Cut off in the middle.
  const Pieces pieces({5000});
  const Bytes compressed = codec::snappy_compress(pieces.views);
  CHECK(code_of(compressed.view().substr(0, compressed.size() / 2)) == ErrorCode::invalid);
}
