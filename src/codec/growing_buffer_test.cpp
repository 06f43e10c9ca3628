#include "codec/growing_buffer.h"

#include <cstring>
#include <string>
#include <utility>

#include <doctest/doctest.h>

using tailrace::codec::GrowingBuffer;

TEST_CASE("GrowingBuffer: keeps its bytes while it grows, and gives memory back") {
  GrowingBuffer buffer;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string piece(static_cast<size_t>(i), static_cast<char>('a' + i % 26));
    char* to = buffer.reserve(piece.size() + 100);
    std::memcpy(to, piece.data(), piece.size());
    buffer.advance_to(to + piece.size());
    expected += piece;
  }
  CHECK(buffer.size() == expected.size());
  CHECK(buffer.capacity() >= expected.size());
  CHECK(buffer.view(0, buffer.size()) == expected);

  GrowingBuffer other = std::move(buffer);
  CHECK(buffer.capacity() == 0);  // NOLINT(bugprone-use-after-move): moved from means empty here
  CHECK(other.view(0, 100) == std::string_view(expected).substr(0, 100));
  const size_t capacity = other.capacity();
  other.clear();
  CHECK(other.size() == 0);
  CHECK(other.capacity() == capacity);
  other.release();
  CHECK(other.capacity() == 0);
  CHECK(other.reserve(1) != nullptr);
}
