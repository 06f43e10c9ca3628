#include "testkit/raw_server.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tailrace/check.h"

namespace tailrace::testkit {

namespace {

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool receive_more(int fd, std::string& buffer) {
  char chunk[64 * 1024];
  const ssize_t n = ::recv(fd, chunk, sizeof(chunk), 0);
  if (n <= 0) {
    return false;
  }
  buffer.append(chunk, static_cast<size_t>(n));
  return true;
}

void close_with_reset(int fd) {
  const linger at_once{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  ::close(fd);
}

/// The value of a header in a head, or "".
std::string header_of(std::string head, std::string name) {
  const auto lower = [](std::string& text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  };
  lower(head);
  lower(name);
  const size_t at = head.find("\r\n" + name + ":");
  if (at == std::string::npos) {
    return {};
  }
  const size_t start = head.find_first_not_of(' ', at + name.size() + 3);
  return head.substr(start, head.find("\r\n", start) - start);
}

/// Bytes of the message at the start of `buffer`, or npos while it is not whole.
size_t message_size(const std::string& buffer) {
  const size_t end_of_head = buffer.find("\r\n\r\n");
  if (end_of_head == std::string::npos) {
    return std::string::npos;
  }
  const std::string head = buffer.substr(0, end_of_head + 2);
  const size_t body = end_of_head + 4;
  if (header_of(head, "transfer-encoding") == "chunked") {
    const size_t end = buffer.find("0\r\n\r\n", body);
    return end == std::string::npos ? std::string::npos : end + 5;
  }
  const size_t length = std::strtoull(header_of(head, "content-length").c_str(), nullptr, 10);
  return buffer.size() < body + length ? std::string::npos : body + length;
}

std::string read_message(int fd, std::string& buffer) {
  size_t size;
  while ((size = message_size(buffer)) == std::string::npos) {
    if (!receive_more(fd, buffer)) {
      return {};
    }
  }
  std::string message = buffer.substr(0, size);
  buffer.erase(0, size);
  return message;
}

}  // namespace

RawConnection::~RawConnection() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

bool RawConnection::fill() {
  return receive_more(fd_, buffered_);
}

std::string RawConnection::read_request() {
  return read_message(fd_, buffered_);
}

std::string RawConnection::read_head() {
  size_t end;
  while ((end = buffered_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) {
      return {};
    }
  }
  std::string head = buffered_.substr(0, end + 4);
  buffered_.erase(0, end + 4);
  return head;
}

bool RawConnection::send(std::string_view bytes) {
  return send_all(fd_, bytes);
}

bool RawConnection::answer(int status, std::string_view headers, std::string_view body) {
  return send(fmt::format("HTTP/1.1 {} X\r\n{}Content-Length: {}\r\n\r\n{}", status, headers,
                          body.size(), body));
}

void RawConnection::reset() {
  close_with_reset(fd_.exchange(-1));
}

void RawConnection::hang() {
  while (fill()) {
  }
}

RawServer::RawServer(std::function<void(RawConnection&)> script)
    : script_(std::move(script)), listen_fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  TR_CHECK(bind(listen_fd_, generic, sizeof(address)) == 0);
  TR_CHECK(listen(listen_fd_, 128) == 0);
  socklen_t size = sizeof(address);
  TR_CHECK(getsockname(listen_fd_, generic, &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

RawServer::~RawServer() {
  ending_ = true;
  shutdown(listen_fd_, SHUT_RDWR);
  acceptor_.join();
  ::close(listen_fd_);
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(mutex_);
    for (const RawConnection* connection : open_) {
      shutdown(connection->fd_, SHUT_RDWR);  // wakes a script that waits
    }
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

std::string RawServer::url(std::string_view path) const {
  return fmt::format("http://127.0.0.1:{}{}", port_, path);
}

void RawServer::accept_all() {
  while (true) {
    const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0 || ending_) {
      if (fd >= 0) {
        ::close(fd);
      }
      return;
    }
    const int index = accepted_++;
    std::lock_guard lock(mutex_);
    threads_.emplace_back([this, fd, index] {
      RawConnection connection(fd, index);
      {
        std::lock_guard starting(mutex_);
        open_.push_back(&connection);
      }
      if (!ending_) {
        script_(connection);
      }
      std::lock_guard ending(mutex_);
      std::erase(open_, &connection);
    });
  }
}

RawClient::RawClient(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  TR_CHECK(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
}

RawClient::~RawClient() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

bool RawClient::send(std::string_view bytes) {
  return send_all(fd_, bytes);
}

std::string RawClient::read_all() {
  while (receive_more(fd_, buffered_)) {
  }
  return std::exchange(buffered_, {});
}

std::string RawClient::read_answer() {
  return read_message(fd_, buffered_);
}

void RawClient::drip(std::chrono::milliseconds pause) {
  pollfd closed{fd_, POLLIN, 0};
  while (send("a") && poll(&closed, 1, static_cast<int>(pause.count())) == 0) {
  }
}

void RawClient::shut_down_sending() {
  shutdown(fd_, SHUT_WR);
}

void RawClient::reset() {
  close_with_reset(std::exchange(fd_, -1));
}

}  // namespace tailrace::testkit
