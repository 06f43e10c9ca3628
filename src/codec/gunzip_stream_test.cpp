#include "codec/gunzip_stream.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "codec/compression.h"

using namespace tailrace;
using codec::GunzipStream;

namespace {

std::string text_of(size_t lines) {
  std::string text;
  for (size_t i = 0; i < lines; ++i) {
    text += "http_requests_total{code=\"" + std::to_string(i * 7919 % 600) + "\"} " +
            std::to_string(i) + "\n";
  }
  return text;
}

std::string gzip(std::string_view text) {
  return std::string(codec::gzip_compress(text).view());
}

/// Undone in pieces of `step` bytes.
Result<std::string> undo(GunzipStream& stream, std::string_view packed, size_t step) {
  std::string text;
  for (size_t at = 0; at < packed.size(); at += step) {
    const Status pushed = stream.push(packed.substr(at, step), [&text](std::string_view bytes) {
      text += bytes;
      return true;
    });
    if (!pushed) {
      return tl::unexpected<Error>(pushed.error());
    }
  }
  if (const Status ended = stream.finish(); !ended) {
    return tl::unexpected<Error>(ended.error());
  }
  return text;
}

}  // namespace

TEST_CASE("GunzipStream: gives the text back, however it is split, and is used again") {
  GunzipStream stream;
  const std::string text = text_of(20000);
  const std::string packed = gzip(text);
  for (const size_t step : {size_t{1}, size_t{7}, size_t{1000}, packed.size()}) {
    CHECK(undo(stream, packed, step) == text);
    stream.reset();
  }
  CHECK(undo(stream, gzip(""), 3) == "");
}

TEST_CASE("GunzipStream: several members are one text") {
  for (const size_t step : {size_t{1}, size_t{10000}}) {
    GunzipStream stream;
    CHECK(undo(stream, gzip("one ") + gzip("") + gzip("two"), step) == "one two");
  }
}

TEST_CASE("GunzipStream: what is broken or cut off is refused") {
  const std::string packed = gzip(text_of(100));
  for (size_t length = 0; length < packed.size(); ++length) {
    GunzipStream stream;
    CHECK_FALSE(undo(stream, packed.substr(0, length), 64).has_value());
  }
  GunzipStream stream;
  CHECK(undo(stream, "go_goroutines 12\n", 64).error().code == ErrorCode::invalid);
  stream.reset();
  std::string damaged = packed;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
  CHECK(undo(stream, damaged, 64).error().code == ErrorCode::invalid);
  stream.reset();
  CHECK(undo(stream, packed + "trailing", 64).error().code == ErrorCode::invalid);
}

TEST_CASE("GunzipStream: stops when nothing more is wanted") {
  GunzipStream stream;
  size_t pieces = 0;
  const Status status =
      stream.push(gzip(text_of(20000)), [&pieces](std::string_view) { return ++pieces < 3; });
  CHECK(status.error().code == ErrorCode::cancelled);
  CHECK(pieces == 3);
}

TEST_CASE("GunzipStream: a bomb is refused early, a page of one line repeated is not") {
  GunzipStream stream;
  const std::string bomb = gzip(std::string(200'000'000, '\n'));
  size_t bytes = 0;
  const Status status = stream.push(bomb, [&bytes](std::string_view piece) {
    bytes += piece.size();
    return true;
  });
  CHECK(status.error().code == ErrorCode::limit);
  CHECK(bytes <= 2 * GunzipStream::kBombBytes);

  // The best that pages reach: 200,000 series with one value.
  stream.reset();
  std::string page;
  for (int i = 0; i < 200'000; ++i) {
    page +=
        "container_memory_failures_total{container=\"application\",namespace=\"default\",pod=\"" +
        std::to_string(i) + "\",scope=\"container\",type=\"pgfault\"} 0\n";
  }
  REQUIRE(page.size() > GunzipStream::kBombBytes);
  CHECK(undo(stream, gzip(page), 16 * 1024) == page);
}
