#include "codec/snappy.h"

#include <algorithm>
#include <cstring>
#include <new>

#include <fmt/format.h>
#include <snappy-sinksource.h>
#include <snappy.h>

#include "tailrace/check.h"

#include "codec/varint.h"

namespace tailrace::codec {
namespace {

/// Snappy takes 64 KiB at a time: straight from a piece where that much of it is left, else it
/// gathers what Peek() gives it into a block of its own.
class PieceSource final : public snappy::Source {
 public:
  PieceSource(std::span<const std::string_view> pieces, size_t total)
      : pieces_(pieces), left_(total) {
    drop_empty();
  }
  size_t Available() const override { return left_; }
  const char* Peek(size_t* length) override {
    if (left_ == 0) {
      *length = 0;
      return nullptr;
    }
    *length = pieces_.front().size() - used_;
    return pieces_.front().data() + used_;
  }
  void Skip(size_t n) override {
    left_ -= n;
    used_ += n;
    while (!pieces_.empty() && used_ >= pieces_.front().size()) {
      used_ -= pieces_.front().size();
      pieces_ = pieces_.subspan(1);
    }
  }

 private:
  void drop_empty() { Skip(0); }

  std::span<const std::string_view> pieces_;
  size_t used_ = 0;  // of the first of pieces_
  size_t left_;
};

size_t total_size(std::span<const std::string_view> pieces) {
  size_t total = 0;
  for (const std::string_view piece : pieces) {
    total += piece.size();
  }
  TR_CHECK(total <= UINT32_MAX);
  return total;
}

// A literal's tag is one byte for up to 60 bytes, else 60 + (bytes of the length - 1), then the
// length - 1 in little endian. 64 KiB at most per literal: no reader has trouble with that.
constexpr size_t kMaxLiteral = 64 * 1024;
constexpr size_t kMaxLiteralTag = 3;

char* write_literal_tag(char* to, size_t length) {
  const size_t n = length - 1;
  if (n < 60) {
    *to++ = static_cast<char>(n << 2);
  } else if (n < 256) {
    *to++ = static_cast<char>(60 << 2);
    *to++ = static_cast<char>(n);
  } else {
    *to++ = static_cast<char>(61 << 2);
    *to++ = static_cast<char>(n);
    *to++ = static_cast<char>(n >> 8);
  }
  return to;
}

size_t literal_tag_size(size_t length) {
  return length <= 60 ? 1 : length <= 256 ? 2 : 3;
}

}  // namespace

Bytes snappy_compress(std::span<const std::string_view> pieces) {
  const size_t total = total_size(pieces);
  Bytes out(::snappy::MaxCompressedLength(total));
  PieceSource source(pieces, total);
  ::snappy::UncheckedByteArraySink sink(out.data());
  const size_t size = ::snappy::Compress(&source, &sink);
  TR_ASSERT(size <= out.size());
  out.shrink(size);
  return out;
}

Bytes snappy_literals(std::span<const std::string_view> pieces) {
  const size_t total = total_size(pieces);
  const size_t full = total / kMaxLiteral;
  const size_t rest = total % kMaxLiteral;
  Bytes out(varint_size(total) + full * (kMaxLiteralTag + kMaxLiteral) +
            (rest > 0 ? literal_tag_size(rest) + rest : 0));
  char* to = write_varint(out.data(), total);

  size_t left = total;
  size_t room = 0;  // in the literal under way
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      if (room == 0) {
        room = std::min(left, kMaxLiteral);
        to = write_literal_tag(to, room);
      }
      const size_t n = std::min(room, piece.size());
      std::memcpy(to, piece.data(), n);
      to += n;
      room -= n;
      left -= n;
      piece.remove_prefix(n);
    }
  }
  TR_ASSERT(to == out.data() + out.size());
  return out;
}

Result<size_t> snappy_declared_size(std::string_view compressed) {
  size_t size = 0;
  if (!::snappy::GetUncompressedLength(compressed.data(), compressed.size(), &size)) {
    return fail(ErrorCode::invalid, "not a snappy block: its length is cut off or too large");
  }
  return size;
}

Result<PaddedBytes> snappy_uncompress(std::string_view compressed, size_t limit) {
  const auto size = snappy_declared_size(compressed);
  if (!size) {
    return tl::unexpected(size.error());
  }
  if (*size > limit) {
    return fail(ErrorCode::limit,
                fmt::format("{} bytes when uncompressed, the limit is {}", *size, limit));
  }
  // A copy gives at most 64 bytes for 2 (tag and offset), so a tiny body cannot make us allocate
  // much more than 32 times its size by lying about its length.
  if (*size / 32 > compressed.size()) {
    return fail(ErrorCode::invalid, "not a snappy block: it says it is longer than it can be");
  }
  PaddedBytes out(*size);
  if (!::snappy::RawUncompress(compressed.data(), compressed.size(), out.data())) {
    return fail(ErrorCode::invalid, "not a snappy block");
  }
  return out;
}

}  // namespace tailrace::codec
