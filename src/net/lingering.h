#pragma once

#include <cstddef>
#include <list>
#include <memory>

#include "tailrace/lane.h"

namespace tailrace::net {

/// Sockets that were answered before all of the request was read.
///
/// Closing a socket with unread bytes resets the connection, and the reset may overtake the answer
/// (a 413 or 429 that the client needs to see). So what the client still sends is read and thrown
/// away for a short while. A few sockets, a few megabytes and a few seconds at most.
/// Lane: the one given.
class Lingering {
 public:
  explicit Lingering(Lane& lane) : lane_(lane) {}
  ~Lingering();
  Lingering(const Lingering&) = delete;
  Lingering& operator=(const Lingering&) = delete;

  /// Takes over the connection of `fd`; the caller closes its own descriptor as always.
  void add(int fd);
  size_t count() const noexcept { return sockets_.size(); }

 private:
  struct Socket {
    int fd = -1;
    size_t discarded = 0;
    std::unique_ptr<FdWatch> watch;
    std::unique_ptr<Timer> deadline;
  };
  void drain(std::list<Socket>::iterator socket);
  void end(std::list<Socket>::iterator socket);

  Lane& lane_;
  std::list<Socket> sockets_;
};

}  // namespace tailrace::net
