#include "codec/gunzip_stream.h"

#include <array>
#include <string>

#include <zlib.h>

#include "tailrace/check.h"

namespace tailrace::codec {

struct GunzipStream::State {
  State() { TR_CHECK(inflateInit2(&stream, 15 + 16) == Z_OK); }
  ~State() { inflateEnd(&stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  z_stream stream{};
  uint64_t in = 0;
  uint64_t out = 0;
  bool member_open = false;
  std::array<Bytef, 32 * 1024> content;
};

GunzipStream::GunzipStream() = default;
GunzipStream::~GunzipStream() = default;
GunzipStream::GunzipStream(GunzipStream&&) noexcept = default;
GunzipStream& GunzipStream::operator=(GunzipStream&&) noexcept = default;

void GunzipStream::reset() noexcept {
  if (state_) {
    TR_CHECK(inflateReset(&state_->stream) == Z_OK);
    state_->in = 0;
    state_->out = 0;
    state_->member_open = false;
  }
}

Status GunzipStream::push(std::string_view bytes, const Sink& sink) {
  if (!state_) {
    state_ = std::make_unique<State>();
  }
  State& s = *state_;
  s.in += bytes.size();
  s.stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  s.stream.avail_in = static_cast<uInt>(bytes.size());
  // Also without input: what did not fit into `content` is still inside.
  bool was_full = false;
  while (s.stream.avail_in > 0 || was_full) {
    if (!s.member_open) {
      if (s.stream.avail_in == 0) {
        break;
      }
      TR_CHECK(inflateReset(&s.stream) == Z_OK);
      s.member_open = true;
    }
    s.stream.next_out = s.content.data();
    s.stream.avail_out = static_cast<uInt>(s.content.size());
    const int code = inflate(&s.stream, Z_NO_FLUSH);
    const size_t got = s.content.size() - s.stream.avail_out;
    was_full = s.stream.avail_out == 0;
    if (code == Z_STREAM_END) {
      s.member_open = false;
      was_full = false;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return fail(ErrorCode::invalid,
                  std::string("broken gzip: ") +
                      (s.stream.msg != nullptr ? s.stream.msg : "needs a dictionary"));
    }
    s.out += got;
    const uint64_t used = s.in - s.stream.avail_in;
    if (s.out > kBombBytes && s.out / kBombRatio > used) {
      return fail(ErrorCode::limit, "gzip that unpacks to " + std::to_string(s.out) +
                                        " bytes and more from " + std::to_string(used) +
                                        ": taken for a bomb");
    }
    if (got > 0 && !sink({reinterpret_cast<const char*>(s.content.data()), got})) {
      return fail(ErrorCode::cancelled, "no more is wanted");
    }
  }
  return {};
}

Status GunzipStream::finish() const {
  if (!state_ || state_->in == 0 || state_->member_open) {
    return fail(ErrorCode::invalid, "gzip is cut off");
  }
  return {};
}

}  // namespace tailrace::codec
