#include "plugins/inputs/tail/file_io.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <sys/uio.h>
#include <unistd.h>

namespace tailrace::inputs::tail {

WarmReader::Read WarmReader::read(const File& file, char* to, size_t size, uint64_t offset,
                                  bool may_wait) {
  const int fd = file.descriptor->get();
  const auto at = static_cast<off_t>(offset);
  ssize_t n = -1;
  const bool can_ask =
      std::find(waiting_only_.begin(), waiting_only_.end(), file.id.device) == waiting_only_.end();
  if (can_ask && !may_wait) {
    const iovec into{to, size};
    do {
      n = ::preadv2(fd, &into, 1, at, RWF_NOWAIT);
    } while (n < 0 && errno == EINTR);
    if (n >= 0) {
      return {Status::ok, static_cast<size_t>(n), 0};
    }
    if (errno == EAGAIN) {
      return {Status::cold, 0, 0};
    }
    if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) {
      return {Status::failed, 0, errno};
    }
    waiting_only_.push_back(file.id.device);
  }
  do {
    n = ::pread(fd, to, size, at);
  } while (n < 0 && errno == EINTR);
  return n < 0 ? Read{Status::failed, 0, errno} : Read{Status::ok, static_cast<size_t>(n), 0};
}

void warm_up(const Descriptor& file, uint64_t offset, size_t bytes) {
  std::array<char, 64 * 1024> scratch;
  for (size_t done = 0; done < bytes;) {
    const ssize_t n = ::pread(file.get(), scratch.data(), std::min(scratch.size(), bytes - done),
                              static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return;  // the lane's own read meets the same, and says so
    }
    done += static_cast<size_t>(n);
  }
}

}  // namespace tailrace::inputs::tail
