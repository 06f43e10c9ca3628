#pragma once

#include <unistd.h>

namespace tailrace::inputs::tail {

/// An open descriptor; closed when the last one lets go (a worker thread may be reading).
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace tailrace::inputs::tail
