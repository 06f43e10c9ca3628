// A light receiving end for benchmarks: takes any POST, counts, answers 204, keeps nothing.
//
//   sink [--decode] [--port N]      prints "listening on 127.0.0.1:PORT"
//   GET /stats {"requests":…,"bytes":…,"lines":…,"p50_s":…,"p99_s":…,"max_s":…} GET /reset the
//   same, and starts counting anew
//
// With --decode bodies must be Loki's protobuf, uncompressed by us: lines are counted, and the
// delay of each (now minus its timestamp).

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>
#include <snappy.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "benchmarks/macro/loki_walk.h"
#include "benchmarks/macro/sockets.h"

namespace tailrace::benchmarks {
namespace {

constexpr size_t kReadBytes = 256 * 1024;

struct Stats {
  uint64_t requests = 0;
  uint64_t bytes = 0;
  uint64_t lines = 0;
  uint64_t line_bytes = 0;
  uint64_t undecodable = 0;
  std::vector<float> delays;

  std::string json() {
    std::sort(delays.begin(), delays.end());
    auto quantile = [this](double q) {
      return delays.empty()
                 ? 0.0F
                 : delays[static_cast<size_t>(q * static_cast<double>(delays.size() - 1))];
    };
    return fmt::format(R"({{"requests":{},"bytes":{},"lines":{},"line_bytes":{},"undecodable":{},)"
                       R"("p50_s":{:.4f},"p99_s":{:.4f},"max_s":{:.4f}}})",
                       requests, bytes, lines, line_bytes, undecodable, quantile(0.5),
                       quantile(0.99), quantile(1.0));
  }
};

double now_seconds() {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

bool starts_with_nocase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         strncasecmp(text.data(), prefix.data(), prefix.size()) == 0;
}

/// One client: collects a head, then counts (or, to decode, gathers) the body.
struct Connection {
  std::string head;
  std::string body;
  size_t body_left = 0;
  bool in_body = false;
};

enum class Mode { well, unavailable, silent };

class Sink {
 public:
  explicit Sink(bool decode) : decode_(decode) {}

  void run(uint16_t port) {
    listener_ = listen_and_say("sink: listen", port);
    epoll_ = epoll_create1(0);
    add(listener_);
    epoll_event events[64];
    for (;;) {
      const int count = epoll_wait(epoll_, events, 64, -1);
      for (int i = 0; i < count; ++i) {
        if (events[i].data.fd == listener_) {
          accept_one();
        } else {
          read_some(events[i].data.fd);
        }
      }
    }
  }

 private:
  void add(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void accept_one() {
    const int fd = accept(listener_, nullptr, nullptr);
    if (fd < 0) {
      return;
    }
    send_at_once(fd);
    connections_.emplace(fd, std::make_unique<Connection>());
    add(fd);
  }

  void read_some(int fd) {
    static char buffer[kReadBytes];
    const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) {
      connections_.erase(fd);
      close(fd);
      return;
    }
    Connection& connection = *connections_.at(fd);
    std::string_view bytes(buffer, static_cast<size_t>(got));
    while (!bytes.empty()) {
      bytes =
          connection.in_body ? take_body(fd, connection, bytes) : take_head(fd, connection, bytes);
    }
  }

  std::string_view take_head(int fd, Connection& connection, std::string_view bytes) {
    const size_t before = connection.head.size();
    connection.head.append(bytes);
    const size_t end = connection.head.find("\r\n\r\n", before < 3 ? 0 : before - 3);
    if (end == std::string::npos) {
      return {};
    }
    connection.head.resize(end + 2);
    bytes.remove_prefix(end + 4 - before);
    begin_body(fd, connection);
    return bytes;
  }

  void begin_body(int fd, Connection& connection) {
    const std::string head = std::move(connection.head);
    connection.head.clear();
    connection.body_left = 0;
    for (size_t line = head.find("\r\n"); line != std::string::npos && line + 2 < head.size();
         line = head.find("\r\n", line + 2)) {
      const std::string_view field = std::string_view(head).substr(line + 2);
      if (starts_with_nocase(field, "content-length:")) {
        connection.body_left = strtoull(field.data() + 15, nullptr, 10);
      } else if (starts_with_nocase(field, "expect: 100-continue")) {
        answer(fd, "HTTP/1.1 100 Continue\r\n\r\n");
      }
    }
    if (head.starts_with("GET ")) {
      get(fd, head);
      return;
    }
    connection.in_body = true;
    connection.body.clear();
    if (connection.body_left == 0) {
      end_body(fd, connection);
    }
  }

  std::string_view take_body(int fd, Connection& connection, std::string_view bytes) {
    const size_t taken = std::min(bytes.size(), connection.body_left);
    if (decode_) {
      connection.body.append(bytes.substr(0, taken));
    }
    stats_.bytes += mode_ == Mode::well ? taken : 0;
    connection.body_left -= taken;
    if (connection.body_left == 0) {
      end_body(fd, connection);
    }
    return bytes.substr(taken);
  }

  void end_body(int fd, Connection& connection) {
    connection.in_body = false;
    if (mode_ == Mode::silent) {
      return;
    }
    if (mode_ == Mode::unavailable) {
      answer(fd, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    ++stats_.requests;
    if (decode_) {
      count_lines(connection.body);
    }
    answer(fd, "HTTP/1.1 204 No Content\r\n\r\n");
  }

  void count_lines(const std::string& body) {
    std::string plain;
    const double now = now_seconds();
    const bool fine =
        snappy::Uncompress(body.data(), body.size(), &plain) &&
        walk_push_request(plain, [this, now](int64_t timestamp, std::string_view line) {
          ++stats_.lines;
          stats_.line_bytes += line.size();
          stats_.delays.push_back(static_cast<float>(now - static_cast<double>(timestamp) * 1e-9));
        });
    stats_.undecodable += fine ? 0 : 1;
  }

  void get(int fd, std::string_view head) {
    const std::string body = stats_.json();
    answer(fd, fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                           "Content-Length: {}\r\n\r\n{}",
                           body.size(), body));
    if (head.starts_with("GET /reset")) {
      stats_ = Stats{};
    } else if (head.starts_with("GET /fail/503")) {
      mode_ = Mode::unavailable;
    } else if (head.starts_with("GET /fail/hang")) {
      mode_ = Mode::silent;
    } else if (head.starts_with("GET /ok")) {
      if (mode_ == Mode::silent) {
        drop_all_but(fd);
      }
      mode_ = Mode::well;
    }
  }

  void drop_all_but(int keep) {
    for (const auto& [fd, connection] : connections_) {
      if (fd != keep) {
        shutdown(fd, SHUT_RDWR);  // the next read ends it
      }
    }
  }

  static void answer(int fd, std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return;  // the client went away; the next read ends the connection
      }
      text.remove_prefix(static_cast<size_t>(sent));
    }
  }

  const bool decode_;
  Mode mode_ = Mode::well;
  int listener_ = -1;
  int epoll_ = -1;
  Stats stats_;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
};

}  // namespace
}  // namespace tailrace::benchmarks

int main(int argc, char** argv) {
  bool decode = false;
  int port = 0;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--decode") == 0) {
      decode = true;
    } else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc) {
      port = atoi(argv[++i]);
    } else {
      fmt::print(stderr, "usage: sink [--decode] [--port N]\n");
      return 2;
    }
  }
  tailrace::benchmarks::Sink(decode).run(static_cast<uint16_t>(port));
}
