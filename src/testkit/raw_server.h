#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tailrace::testkit {

/// One accepted connection of a RawServer, driven by the test's script with blocking calls.
class RawConnection {
 public:
  RawConnection(int fd, int index) : fd_(fd), index_(index) {}
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  int index() const noexcept { return index_; }  // 0 for the server's first connection
  /// A request with its body as the head announces it; "" when the peer has gone.
  std::string read_request();
  /// Up to the empty line, which is included; "" when the peer has gone.
  std::string read_head();
  /// False when the peer has gone.
  bool send(std::string_view bytes);
  /// An answer with Content-Length; `headers` are whole lines with their line ends.
  bool answer(int status, std::string_view headers = {}, std::string_view body = {});
  /// Closes with a TCP reset.
  void reset();
  /// Waits until the peer closes, or the server is destroyed.
  void hang();

 private:
  friend class RawServer;
  bool fill();

  std::atomic<int> fd_;  // -1 after reset()
  int index_;
  std::string buffered_;
};

/// A server of the test's making on a free port of 127.0.0.1, for answers that no decent server
/// gives. Each connection runs the script on a thread of its own.
class RawServer {
 public:
  explicit RawServer(std::function<void(RawConnection&)> script);
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  uint16_t port() const noexcept { return port_; }
  std::string url(std::string_view path = "/") const;
  int accepted() const noexcept { return accepted_; }

 private:
  void accept_all();

  std::function<void(RawConnection&)> script_;
  int listen_fd_;
  uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::atomic<bool> ending_{false};
  std::mutex mutex_;
  std::vector<RawConnection*> open_;  // guarded by mutex_
  std::vector<std::thread> threads_;  // guarded by mutex_
  std::thread acceptor_;
};

/// A blocking client socket to a port of 127.0.0.1.
class RawClient {
 public:
  explicit RawClient(uint16_t port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool send(std::string_view bytes);
  /// What comes until the peer closes.
  std::string read_all();
  /// An answer with its body as the head announces it; "" when the peer has gone.
  std::string read_answer();
  /// Sends one byte every `pause` until the peer closes.
  void drip(std::chrono::milliseconds pause);
  void shut_down_sending();
  void reset();
  int fd() const noexcept { return fd_; }

 private:
  int fd_;
  std::string buffered_;
};

}  // namespace tailrace::testkit
