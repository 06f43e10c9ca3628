#include "codec/compression.h"

#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <unistd.h>
#include <zlib.h>

#include "codec/gzip_reader.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using codec::Compression;

namespace {

std::string sample(size_t size) {
  std::mt19937 random(3);
  std::string text;
  while (text.size() < size) {
    text += "2026-01-02T03:04:05 GET /v" + std::to_string(random() % 1000) + "\n";
  }
  text.resize(size);
  return text;
}

/// As zlib writes it: window_bits 31 = gzip, 15 = zlib, -15 = raw deflate.
std::string deflate_with(int window_bits, std::string_view text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string pack(Compression format, std::string_view text) {
  switch (format) {
    case Compression::gzip:
      return deflate_with(31, text);
    case Compression::zlib:
      return deflate_with(15, text);
    case Compression::raw_deflate:
      return deflate_with(-15, text);
    case Compression::zstd:
      break;
  }
  return std::string(codec::zstd_compress(text).view());
}

const std::vector<Compression> kAll = {Compression::gzip, Compression::zlib,
                                       Compression::raw_deflate, Compression::zstd};

/// A temporary file that is unlinked at once.
class TempFile {
 public:
  explicit TempFile(std::string_view content) : file_(std::tmpfile()) {
    REQUIRE(file_ != nullptr);
    REQUIRE(std::fwrite(content.data(), 1, content.size(), file_) == content.size());
    std::fflush(file_);
  }
  ~TempFile() { std::fclose(file_); }
  int fd() const { return fileno(file_); }

 private:
  std::FILE* file_;
};

}  // namespace

TEST_CASE("decompress: every format, from nothing to a megabyte") {
  for (const Compression format : kAll) {
    for (const size_t size : {size_t{0}, size_t{1}, size_t{4096}, size_t{1000000}}) {
      const std::string text = sample(size);
      const auto back = codec::decompress(format, pack(format, text), size);
      REQUIRE(back);
      CHECK(back->view() == text);
      CHECK(back->data()[size] == '\0');
    }
  }
}

TEST_CASE("decompress: one byte over the limit is too much") {
  const std::string text = sample(10000);
  for (const Compression format : kAll) {
    const auto over = codec::decompress(format, pack(format, text), text.size() - 1);
    REQUIRE_FALSE(over);
    CHECK(over.error().code == ErrorCode::limit);
  }
}

TEST_CASE("decompress: a bomb is stopped at the limit") {
  const std::string zeros(50'000'000, '\0');
  for (const Compression format : kAll) {
    const std::string bomb = pack(format, zeros);
    CHECK(bomb.size() < 100'000);
    const auto over = codec::decompress(format, bomb, 1'000'000);
    REQUIRE_FALSE(over);
    CHECK(over.error().code == ErrorCode::limit);
  }
}

TEST_CASE("decompress: cut off, garbage and leftovers are refused") {
  const std::string text = sample(10000);
  for (const Compression format : kAll) {
    const std::string packed = pack(format, text);
    for (const std::string& broken :
         {packed.substr(0, packed.size() / 2), packed.substr(0, packed.size() - 1),
          std::string("not compressed at all, just text"), std::string()}) {
      const auto result = codec::decompress(format, broken, 1 << 20);
      REQUIRE_FALSE(result);
      CHECK(result.error().code == ErrorCode::invalid);
    }
    CHECK_FALSE(codec::decompress(format, packed + "garbage", 1 << 20));
  }
}

TEST_CASE("decompress: gzip members and zstd frames behind each other are one text") {
  for (const Compression format : {Compression::gzip, Compression::zstd}) {
    const auto both = codec::decompress(format, pack(format, "one ") + pack(format, "two"), 100);
    REQUIRE(both);
    CHECK(both->view() == "one two");
  }
}

TEST_CASE("gzip_compress: zlib reads it") {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{100000}}) {
    const std::string text = sample(size);
    const Bytes packed = codec::gzip_compress(text);
    const auto back = codec::decompress(Compression::gzip, packed.view(), size);
    REQUIRE(back);
    CHECK(back->view() == text);
  }
}

TEST_CASE("GzipReader: reads in steps, skips, and ends") {
  const std::string text = sample(300'000);
  const TempFile file(deflate_with(31, text));
  codec::GzipReader reader(file.fd());
  std::string got;
  std::vector<char> step(7001);
  for (;;) {
    const auto n = reader.read(step.data(), step.size());
    REQUIRE(n);
    if (*n == 0) {
      break;
    }
    got.append(step.data(), *n);
    CHECK(reader.position() == got.size());
  }
  CHECK(got == text);
  CHECK(reader.at_end());

  codec::GzipReader second(file.fd());
  REQUIRE(second.seek(123'456));
  REQUIRE(second.read(step.data(), 100));
  CHECK(std::string_view(step.data(), 100) == std::string_view(text).substr(123'456, 100));
  CHECK_FALSE(second.at_end());
  const auto back = second.seek(5);
  REQUIRE_FALSE(back);
  CHECK(back.error().code == ErrorCode::unsupported);
  REQUIRE(second.seek(10'000'000));
  CHECK(second.position() == text.size());
  CHECK(second.at_end());
}

TEST_CASE("GzipReader: several members are one text") {
  const TempFile file(deflate_with(31, "one ") + deflate_with(31, "") + deflate_with(31, "two"));
  codec::GzipReader reader(file.fd());
  char buffer[100];
  const auto n = reader.read(buffer, sizeof buffer);
  REQUIRE(n);
  CHECK(std::string_view(buffer, *n) == "one two");
  CHECK(reader.at_end());
}

TEST_CASE("GzipReader: what is broken says so") {
  const std::string packed = deflate_with(31, sample(300'000));
  for (const std::string& broken :
       {packed.substr(0, packed.size() / 2), packed.substr(0, packed.size() - 1), packed + "tail",
        std::string("plain text"), std::string()}) {
    const TempFile file(broken);
    codec::GzipReader reader(file.fd());
    const Status end = reader.seek(UINT64_MAX);
    REQUIRE_FALSE(end);
    CHECK(end.error().code == ErrorCode::corrupt);
  }
  codec::GzipReader closed(-1);
  char byte = 0;
  const auto n = closed.read(&byte, 1);
  REQUIRE_FALSE(n);
  CHECK(n.error().code == ErrorCode::io);
}
