#include "codec/compression.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include <fmt/format.h>
#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include "tailrace/check.h"

namespace tailrace::codec {
namespace {

/// Output that grows by doubling, up to one byte more than the limit (which tells that there was
/// too much).
class GrowingOutput {
 public:
  GrowingOutput(size_t first_guess, size_t limit) : most_(limit + 1) {
    grow_to(std::clamp<size_t>(first_guess, std::min<size_t>(4096, most_), most_));
  }
  char* free() noexcept { return bytes_.data() + used_; }
  size_t room() const noexcept { return capacity_ - used_; }
  void add(size_t n) noexcept { used_ += n; }
  bool too_much() const noexcept { return used_ == most_; }
  /// Makes room again after it was filled; not beyond the limit.
  void grow() { grow_to(std::min(capacity_ * 2, most_)); }
  PaddedBytes take() { return PaddedBytes(std::move(bytes_), used_); }

 private:
  void grow_to(size_t capacity) {
    Bytes larger(capacity + kBlockPadding);
    if (used_ > 0) {
      std::memcpy(larger.data(), bytes_.data(), used_);
    }
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }

  Bytes bytes_;
  size_t most_;
  size_t capacity_ = 0;
  size_t used_ = 0;
};

tl::unexpected<Error> over_limit(size_t limit) {
  return fail(ErrorCode::limit, fmt::format("more than {} bytes when decompressed", limit));
}

// Most text compresses to a quarter or so; a wrong guess costs one copy.
size_t first_guess(std::string_view body) {
  return body.size() * 4;
}

struct Inflater {
  explicit Inflater(int window_bits) { TR_CHECK(inflateInit2(&stream, window_bits) == Z_OK); }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  z_stream stream{};
};

int window_bits(Compression format) {
  switch (format) {
    case Compression::gzip:
      return 15 + 16;
    case Compression::raw_deflate:
      return -15;
    default:
      return 15;
  }
}

Result<PaddedBytes> inflate_all(Compression format, std::string_view body, size_t limit) {
  Inflater inflater(window_bits(format));
  z_stream& in = inflater.stream;
  GrowingOutput out(first_guess(body), limit);
  // zlib counts in 32 bits, so both sides are given in steps.
  constexpr size_t kStep = 1U << 30;
  size_t fed = 0;
  for (;;) {
    const size_t offered = std::min(body.size() - fed, kStep);
    in.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data() + fed));
    in.avail_in = static_cast<uInt>(offered);
    const size_t room = std::min(out.room(), kStep);
    in.next_out = reinterpret_cast<Bytef*>(out.free());
    in.avail_out = static_cast<uInt>(room);
    const int code = inflate(&in, Z_NO_FLUSH);
    const size_t taken = offered - in.avail_in;
    const size_t made = room - in.avail_out;
    fed += taken;
    out.add(made);
    if (out.too_much()) {
      return over_limit(limit);
    }
    if (code == Z_STREAM_END) {
      if (fed == body.size()) {
        return out.take();
      }
      if (format != Compression::gzip) {
        return fail(ErrorCode::invalid, "compressed body has bytes behind its end");
      }
      TR_CHECK(inflateReset(&in) == Z_OK);
      continue;
    }
    if (code != Z_OK && code != Z_BUF_ERROR) {
      return fail(ErrorCode::invalid,
                  fmt::format("compressed body is broken: {}",
                              in.msg != nullptr ? in.msg : "needs a dictionary"));
    }
    if (out.room() == 0) {
      out.grow();
    } else if (taken == 0 && made == 0) {
      return fail(ErrorCode::invalid, "compressed body is cut off");
    }
  }
}

struct FreeDctx {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

Result<PaddedBytes> unzstd_all(std::string_view body, size_t limit) {
  const std::unique_ptr<ZSTD_DCtx, FreeDctx> context(ZSTD_createDCtx());
  if (context == nullptr) {
    throw std::bad_alloc();
  }
  // The window is memory that a sender makes us take before any content has come out.
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, 23);  // 8 MiB, as RFC 8878 advises
  const unsigned long long declared = ZSTD_getFrameContentSize(body.data(), body.size());
  const bool known = declared != ZSTD_CONTENTSIZE_UNKNOWN && declared != ZSTD_CONTENTSIZE_ERROR;
  if (known && declared > limit) {
    return over_limit(limit);
  }
  GrowingOutput out(first_guess(body), limit);
  ZSTD_inBuffer in{body.data(), body.size(), 0};
  for (;;) {
    ZSTD_outBuffer to{out.free(), out.room(), 0};
    const size_t before = in.pos;
    const size_t code = ZSTD_decompressStream(context.get(), &to, &in);
    if (ZSTD_isError(code) != 0U) {
      return fail(ErrorCode::invalid,
                  fmt::format("compressed body is broken: {}", ZSTD_getErrorName(code)));
    }
    out.add(to.pos);
    if (out.too_much()) {
      return over_limit(limit);
    }
    if (code == 0 && in.pos == in.size) {
      return out.take();
    }
    if (out.room() == 0) {
      out.grow();
    } else if (in.pos == before && to.pos == 0) {
      return fail(ErrorCode::invalid, "compressed body is cut off");
    }
  }
}

}  // namespace

Result<PaddedBytes> decompress(Compression format, std::string_view body, size_t limit) {
  if (body.empty()) {
    return fail(ErrorCode::invalid, "compressed body is empty");
  }
  return format == Compression::zstd ? unzstd_all(body, limit) : inflate_all(format, body, limit);
}

Bytes gzip_compress(std::string_view body, int level) {
  struct Free {
    void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
  };
  const std::unique_ptr<libdeflate_compressor, Free> compressor(
      libdeflate_alloc_compressor(std::clamp(level, 1, 12)));
  if (compressor == nullptr) {
    throw std::bad_alloc();
  }
  Bytes out(libdeflate_gzip_compress_bound(compressor.get(), body.size()));
  const size_t size =
      libdeflate_gzip_compress(compressor.get(), body.data(), body.size(), out.data(), out.size());
  TR_CHECK(size > 0);
  out.shrink(size);
  return out;
}

Bytes zstd_compress(std::string_view body, int level) {
  Bytes out(ZSTD_compressBound(body.size()));
  const size_t size =
      ZSTD_compress(out.data(), out.size(), body.data(), body.size(), std::clamp(level, 1, 19));
  TR_CHECK(ZSTD_isError(size) == 0U);
  out.shrink(size);
  return out;
}

}  // namespace tailrace::codec
