#include "codec/snappy.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <snappy-sinksource.h>
#include <snappy.h>

#include "tailrace/check.h"

#include "codec/varint.h"

namespace tailrace::codec {
namespace {

size_t total_size(std::span<const std::string_view> pieces) {
  size_t total = 0;
  for (const std::string_view piece : pieces) {
    total += piece.size();
  }
  TR_CHECK(total <= UINT32_MAX);
  return total;
}

/// Pieces of at least this size are compressed where they lie, each on its own. Snappy takes 64 KiB
/// at a time, and what it cannot have in one piece it copies together first.
constexpr size_t kLargePiece = 128 * 1024;

/// Pieces one behind the other.
class PieceSource final : public snappy::Source {
 public:
  explicit PieceSource(std::span<const std::string_view> pieces)
      : pieces_(pieces), left_(total_size(pieces)) {
    Skip(0);  // empty ones
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
  std::span<const std::string_view> pieces_;
  size_t used_ = 0;  // of the first of pieces_
  size_t left_;
};

/// Takes what snappy::Compress makes but for the length that it begins with: the length of a part
/// is not that of the whole.
class PartSink final : public snappy::Sink {
 public:
  explicit PartSink(char* to) : to_(to) {}
  void Append(const char*, size_t n) override {
    if (!std::exchange(before_length_, false)) {
      to_ += n;  // the bytes were written here, see below
    }
  }
  char* GetAppendBuffer(size_t, char*) override { return to_; }
  char* end() const noexcept { return to_; }

 private:
  char* to_;
  bool before_length_ = true;
};

/// Each large piece by itself, and what lies between two of them together.
std::vector<std::span<const std::string_view>> parts_of(std::span<const std::string_view> pieces) {
  std::vector<std::span<const std::string_view>> parts;
  size_t begin = 0;
  const auto end_part = [&](size_t end) {
    if (begin < end) {
      parts.push_back(pieces.subspan(begin, end - begin));
    }
    begin = end;
  };
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].size() >= kLargePiece) {
      end_part(i);
      end_part(i + 1);
    }
  }
  end_part(pieces.size());
  return parts;
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
  const auto parts = parts_of(pieces);
  size_t bound = kMaxVarintBytes;
  for (const auto part : parts) {
    bound += ::snappy::MaxCompressedLength(total_size(part));
  }
  Bytes out(bound);
  char* to = write_varint(out.data(), total_size(pieces));
  for (const auto part : parts) {
    PieceSource source(part);
    PartSink sink(to);
    ::snappy::Compress(&source, &sink);
    to = sink.end();
  }
  TR_ASSERT(to <= out.data() + bound);
  out.shrink(static_cast<size_t>(to - out.data()));
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
