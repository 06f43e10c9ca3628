#include "plugins/outputs/stdout/stdout_sink.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <semaphore>
#include <string>
#include <system_error>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tailrace::outputs::stdout_ {

namespace {

constexpr std::chrono::milliseconds kPatience{100};
// Most that is written before the worker is given back.
constexpr size_t kMaxPerStep = 256 * 1024;

/// Standard output belongs to the whole process, and so does the right to write to it.
struct Door {
  std::binary_semaphore turn{1};
  bool mid_line = false;  // somebody left within a line; guarded by turn
};

Door& door() {
  static Door only;
  return only;
}

/// A pipe or terminal that is ready for writing takes PIPE_BUF bytes at once; more may block.
size_t chunk_for(int fd) noexcept {
  struct stat info {};
  return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) ? kMaxPerStep : size_t{PIPE_BUF};
}

tl::unexpected<Error> failure(int error) {
  const ErrorCode code = error == ENOSPC || error == EDQUOT ? ErrorCode::no_space : ErrorCode::io;
  const std::string why =
      error == EPIPE ? "its reader has gone" : std::generic_category().message(error);
  return fail(code, "cannot write to standard output: " + why);
}

}  // namespace

StdoutSink::StdoutSink(int fd) : fd_(fd), chunk_(chunk_for(fd)) {}

StdoutSink::~StdoutSink() {
  give_up();
}

Result<size_t> StdoutSink::write(std::string_view payload, size_t from) {
  Door& out = door();
  if (!my_turn_) {
    if (!out.turn.try_acquire_for(kPatience)) {
      return size_t{0};
    }
    my_turn_ = true;
  }
  if (out.mid_line && from == 0 && !payload.empty()) {
    const auto ended = write_some("\n");
    if (!ended || *ended == 0) {
      return ended;
    }
    out.mid_line = false;
  }
  size_t taken = 0;
  while (from + taken < payload.size() && taken < kMaxPerStep) {
    const auto wrote = write_some(payload.substr(from + taken));
    if (!wrote) {
      return wrote;
    }
    if (*wrote == 0) {
      break;
    }
    taken += *wrote;
    out.mid_line = payload[from + taken - 1] != '\n';
  }
  if (from + taken == payload.size()) {
    end_turn();
  }
  return taken;
}

Result<size_t> StdoutSink::write_some(std::string_view rest) {
  pollfd ready{fd_, POLLOUT, 0};
  if (poll(&ready, 1, static_cast<int>(kPatience.count())) <= 0) {
    return size_t{0};
  }
  const ssize_t wrote = ::write(fd_, rest.data(), std::min(rest.size(), chunk_));
  if (wrote >= 0) {
    return static_cast<size_t>(wrote);
  }
  if (errno == EINTR || errno == EAGAIN) {
    return size_t{0};
  }
  return failure(errno);
}

void StdoutSink::give_up() noexcept {
  if (my_turn_) {
    end_turn();
  }
}

void StdoutSink::end_turn() noexcept {
  my_turn_ = false;
  door().turn.release();
}

}  // namespace tailrace::outputs::stdout_
