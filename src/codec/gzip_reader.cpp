#include "codec/gzip_reader.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include <unistd.h>
#include <zlib.h>

#include "tailrace/check.h"

namespace tailrace::codec {

struct GzipReader::State {
  explicit State(int descriptor) : fd(descriptor) {
    TR_CHECK(inflateInit2(&stream, 15 + 16) == Z_OK);
  }
  ~State() { inflateEnd(&stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  int fd;
  uint64_t file_offset = 0;  // of the next byte to read from the file
  uint64_t position = 0;
  bool end = false;
  bool member_open = false;  // in the middle of a member: the file must not end here
  z_stream stream{};
  std::array<Bytef, 32 * 1024> input;

  Status fill() {
    ssize_t n = 0;
    do {
      n = ::pread(fd, input.data(), input.size(), static_cast<off_t>(file_offset));
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
      return fail(ErrorCode::io, std::string("reading failed: ") + std::strerror(errno));
    }
    file_offset += static_cast<uint64_t>(n);
    stream.next_in = input.data();
    stream.avail_in = static_cast<uInt>(n);
    return {};
  }
};

GzipReader::GzipReader(int fd) : state_(std::make_unique<State>(fd)) {}
GzipReader::~GzipReader() = default;
GzipReader::GzipReader(GzipReader&&) noexcept = default;
GzipReader& GzipReader::operator=(GzipReader&&) noexcept = default;

uint64_t GzipReader::position() const noexcept {
  return state_->position;
}
bool GzipReader::at_end() const noexcept {
  return state_->end;
}

Result<size_t> GzipReader::read(char* to, size_t size) {
  State& s = *state_;
  size_t done = 0;
  while (done < size && !s.end) {
    if (s.stream.avail_in == 0) {
      if (auto filled = s.fill(); !filled) {
        return tl::unexpected(filled.error());
      }
      if (s.stream.avail_in == 0) {
        if (s.member_open || s.position + done + s.file_offset == 0) {
          return fail(ErrorCode::corrupt, "gzip file is cut off");
        }
        s.end = true;
        break;
      }
    }
    if (!s.member_open) {
      TR_CHECK(inflateReset(&s.stream) == Z_OK);
      s.member_open = true;
    }
    const size_t room = std::min<size_t>(size - done, 1U << 30);
    s.stream.next_out = reinterpret_cast<Bytef*>(to + done);
    s.stream.avail_out = static_cast<uInt>(room);
    const int code = inflate(&s.stream, Z_NO_FLUSH);
    done += room - s.stream.avail_out;
    if (code == Z_STREAM_END) {
      s.member_open = false;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return fail(ErrorCode::corrupt,
                  std::string("gzip file is broken: ") +
                      (s.stream.msg != nullptr ? s.stream.msg : "needs a dictionary"));
    }
  }
  s.position += done;
  return done;
}

Status GzipReader::seek(uint64_t offset) {
  if (offset < state_->position) {
    return fail(ErrorCode::unsupported, "a gzip file cannot be read backwards");
  }
  std::array<char, 32 * 1024> dropped;
  while (state_->position < offset && !state_->end) {
    const auto n =
        read(dropped.data(),
             static_cast<size_t>(std::min<uint64_t>(dropped.size(), offset - state_->position)));
    if (!n) {
      return tl::unexpected(n.error());
    }
  }
  return {};
}

}  // namespace tailrace::codec
