#include "plugins/inputs/tail/opener.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/gzip_reader.h"

namespace tailrace::inputs::tail {
namespace {

/// Reads exactly the bytes that are there; returns how many, or -1 with errno.
ssize_t read_at(int fd, char* to, size_t size, uint64_t offset) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = ::pread(fd, to + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return -1;
    }
    if (n == 0) {
      break;
    }
    done += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(done);
}

void fill_in_head(const OpenTask& task, OpenedFile& file) {
  if (!task.gzip) {
    if (!read_head(*file.descriptor, file.head)) {
      file.problem = std::strerror(errno);
    }
    return;
  }
  file.head.resize(kFingerprintBytes);
  codec::GzipReader reader(file.descriptor->get());
  const auto n = reader.read(file.head.data(), file.head.size());
  if (!n) {
    file.problem = n.error().message;
  }
  file.head.resize(n ? *n : 0);
}

}  // namespace

bool read_head(const Descriptor& file, std::string& head) {
  head.resize(kFingerprintBytes);
  const ssize_t n = read_at(file.get(), head.data(), head.size(), 0);
  head.resize(static_cast<size_t>(std::max<ssize_t>(n, 0)));
  return n >= 0;
}

OpenedFile open_file(const OpenTask& task) {
  OpenedFile file;
  // Not blocking: by now the name may be a pipe's.
  const int fd = ::open(task.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    file.error = errno;
    return file;
  }
  file.descriptor = std::make_shared<const Descriptor>(fd);
  struct stat info;
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    file.error = EINVAL;
    file.descriptor.reset();
    return file;
  }
  file.id = {info.st_dev, info.st_ino};
  file.size = static_cast<uint64_t>(info.st_size);
  file.mtime_ns = mtime_ns(info);
  fill_in_head(task, file);
  return file;
}

uint64_t end_of_lines(const OpenedFile& file) {
  constexpr uint64_t kLookBack = 256 * 1024;
  const uint64_t from = file.size > kLookBack ? file.size - kLookBack : 0;
  std::string tail(static_cast<size_t>(file.size - from), '\0');
  const ssize_t n = read_at(file.descriptor->get(), tail.data(), tail.size(), from);
  tail.resize(static_cast<size_t>(std::max<ssize_t>(n, 0)));
  const size_t newline = tail.rfind('\n');
  if (newline != std::string::npos) {
    return from + newline + 1;
  }
  return from == 0 ? 0 : file.size;
}

}  // namespace tailrace::inputs::tail
