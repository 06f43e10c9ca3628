#include "net/lingering.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tailrace::net {

namespace {

constexpr size_t kMostSockets = 64;
constexpr size_t kMostBytes = 32 * 1024 * 1024;
constexpr std::chrono::milliseconds kLongest{3000};

}  // namespace

Lingering::~Lingering() {
  while (!sockets_.empty()) {
    end(sockets_.begin());
  }
}

void Lingering::add(int fd) {
  if (sockets_.size() >= kMostSockets) {
    return;
  }
  const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) {
    return;
  }
  shutdown(own, SHUT_WR);
  const auto socket = sockets_.emplace(sockets_.end());
  socket->fd = own;
  socket->watch = lane_.watch_fd(own, [this, socket](bool, bool) { drain(socket); });
  socket->watch->set_events(true, false);
  socket->deadline = lane_.timer([this, socket] { end(socket); });
  socket->deadline->start(kLongest);
}

void Lingering::drain(std::list<Socket>::iterator socket) {
  char bin[64 * 1024];
  const ssize_t n = recv(socket->fd, bin, sizeof(bin), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  socket->discarded += n > 0 ? static_cast<size_t>(n) : 0;
  if (n <= 0 || socket->discarded > kMostBytes) {
    end(socket);
  }
}

void Lingering::end(std::list<Socket>::iterator socket) {
  socket->watch.reset();
  close(socket->fd);
  sockets_.erase(socket);
}

}  // namespace tailrace::net
