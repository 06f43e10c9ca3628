#pragma once

#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <sys/socket.h>
#include <unistd.h>

namespace tailrace::benchmarks {

inline bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

/// Gathers one HTTP message after the other from a socket; each has a Content-Length, or no body.
class MessageReader {
 public:
  /// Reads once. False when the connection is over.
  bool read_some(int fd) {
    if (buffer_.size() < have_ + kReadBytes) {
      buffer_.resize(have_ + kReadBytes);
    }
    const ssize_t got = read(fd, buffer_.data() + have_, buffer_.size() - have_);
    if (got <= 0) {
      return false;
    }
    have_ += static_cast<size_t>(got);
    return true;
  }
  /// Whether a whole message is there, and its body.
  bool whole(std::string_view& body) {
    const std::string_view all(buffer_.data(), have_);
    if (head_ == 0) {
      const size_t end = all.find("\r\n\r\n");
      if (end == std::string_view::npos) {
        return false;
      }
      head_ = end + 4;
      length_ = content_length(all.substr(0, head_));
    }
    if (have_ < head_ + length_) {
      return false;
    }
    body = all.substr(head_, length_);
    return true;
  }
  /// Of an answer that is whole.
  int status() const { return have_ > 12 ? atoi(buffer_.c_str() + 9) : 0; }
  /// Lets go of the message that was whole.
  void next() {
    const size_t size = head_ + length_;
    memmove(buffer_.data(), buffer_.data() + size, have_ - size);
    have_ -= size;
    head_ = 0;
  }

 private:
  static constexpr size_t kReadBytes = 256 * 1024;

  static size_t content_length(std::string_view head) {
    constexpr std::string_view kName = "content-length:";
    for (size_t at = 0; (at = head.find('\n', at)) != std::string_view::npos;) {
      const std::string_view line = head.substr(++at);
      if (line.size() > kName.size() && strncasecmp(line.data(), kName.data(), kName.size()) == 0) {
        return strtoul(line.data() + kName.size(), nullptr, 10);
      }
    }
    return 0;
  }

  std::string buffer_;
  size_t have_ = 0;
  size_t head_ = 0;  // 0: not known yet
  size_t length_ = 0;
};

}  // namespace tailrace::benchmarks
