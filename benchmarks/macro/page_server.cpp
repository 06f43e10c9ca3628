// Targets to scrape, for benchmarks: pages that are ready, so that serving them costs next to
// nothing.
//
//   page_server --series N [--changed PERCENT] [--port N]   prints "listening on 127.0.0.1:PORT"
//   GET /stats {"scrapes":…,"page_bytes":…}; any other path is the page
//
// Lines are of about 110 bytes with six labels. From one scrape of a connection to its next one the
// values of PERCENT of the lines change (default 100).

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "benchmarks/macro/sockets.h"

namespace {

constexpr int kMostVariants = 8;
// Of a page of a million series there are as many as fit into this.
constexpr size_t kMostBytes = 256 * 1024 * 1024;

std::string make_page(uint32_t series, uint32_t changed, int variant) {
  std::string page;
  for (uint32_t i = 0; i < series; ++i) {
    if (i % 480 == 0) {
      page += fmt::format(
          "# HELP http_request_duration_seconds_{0} How long requests took.\n"
          "# TYPE http_request_duration_seconds_{0} gauge\n",
          i / 480);
    }
    const uint64_t moved = i % 100 < changed ? static_cast<uint64_t>(variant) * 17 : 0;
    page += fmt::format(
        "http_request_duration_seconds_{}{{code=\"{}\",handler=\"/api/v1/thing{}\",le=\"0.{}\","
        "method=\"get\",zone=\"eu-1\"}} {}\n",
        i / 480, 200 + i / 12 % 5, i / 60 % 8, i % 12, 100'000 + i * 37ULL + moved);
  }
  return page;
}

struct Connection {
  std::string in;
  std::string_view out;  // what is left to send
  std::string own;       // for /stats
  size_t scrapes = 0;
};

class Server {
 public:
  Server(uint32_t series, uint32_t changed) {
    for (int variant = 0;
         variant < 2 || (variant < kMostVariants && answers_.size() * page_bytes_ < kMostBytes);
         ++variant) {
      const std::string page = make_page(series, changed, variant);
      page_bytes_ = page.size();
      answers_.push_back(fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; "
                                     "charset=utf-8\r\nContent-Length: {}\r\n\r\n",
                                     page.size()) +
                         page);
    }
  }

  void run(uint16_t port) {
    // All of 127/8, so that each target may have an address of its own.
    const int listener =
        tailrace::benchmarks::listen_and_say("page_server: listen", port, INADDR_ANY);
    epoll_ = epoll_create1(0);
    watch(listener, EPOLLIN, EPOLL_CTL_ADD);
    epoll_event events[64];
    for (;;) {
      const int count = epoll_wait(epoll_, events, 64, -1);
      for (int i = 0; i < count; ++i) {
        if (events[i].data.fd == listener) {
          const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
          if (fd >= 0) {
            tailrace::benchmarks::send_at_once(fd);
            connections_[fd] = std::make_unique<Connection>();
            watch(fd, EPOLLIN, EPOLL_CTL_ADD);
          }
        } else {
          serve(events[i].data.fd, events[i].events);
        }
      }
    }
  }

 private:
  void watch(int fd, uint32_t what, int how) const {
    epoll_event event{};
    event.events = what;
    event.data.fd = fd;
    epoll_ctl(epoll_, how, fd, &event);
  }
  void close_one(int fd) {
    connections_.erase(fd);
    close(fd);
  }
  void serve(int fd, uint32_t events) {
    Connection& connection = *connections_.at(fd);
    if ((events & EPOLLIN) != 0) {
      char buffer[4096];
      const ssize_t got = read(fd, buffer, sizeof buffer);
      if (got <= 0) {
        close_one(fd);
        return;
      }
      connection.in.append(buffer, static_cast<size_t>(got));
    }
    if (connection.out.empty()) {
      const size_t end = connection.in.find("\r\n\r\n");
      if (end == std::string::npos) {
        return;
      }
      answer(connection);
      connection.in.erase(0, end + 4);
    }
    send_on(fd, connection);
  }
  void answer(Connection& connection) {
    if (connection.in.starts_with("GET /stats")) {
      const std::string text =
          fmt::format("{{\"scrapes\":{},\"page_bytes\":{}}}", scrapes_, page_bytes_);
      connection.own =
          fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", text.size(), text);
      connection.out = connection.own;
      return;
    }
    ++scrapes_;
    connection.out = answers_[connection.scrapes++ % answers_.size()];
  }
  void send_on(int fd, Connection& connection) {
    while (!connection.out.empty()) {
      const ssize_t sent = send(fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno == EAGAIN) {
          watch(fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
        } else {
          close_one(fd);
        }
        return;
      }
      connection.out.remove_prefix(static_cast<size_t>(sent));
    }
    watch(fd, EPOLLIN, EPOLL_CTL_MOD);
  }

  std::vector<std::string> answers_;
  size_t page_bytes_ = 0;
  uint64_t scrapes_ = 0;
  int epoll_ = -1;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
};

}  // namespace

int main(int argc, char** argv) {
  uint32_t series = 400;
  uint32_t changed = 100;
  uint16_t port = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const auto value = static_cast<uint32_t>(strtoul(argv[i + 1], nullptr, 10));
    if (name == "--series") {
      series = value;
    } else if (name == "--changed") {
      changed = value;
    } else if (name == "--port") {
      port = static_cast<uint16_t>(value);
    } else {
      fmt::print(stderr, "page_server: {} is not known\n", name);
      return 2;
    }
  }
  Server(series, changed).run(port);
}
