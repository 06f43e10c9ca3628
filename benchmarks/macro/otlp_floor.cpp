// The least that passing OTLP on over HTTP can cost, as a process: receive, copy, send. Requests
// that come while one is under way are appended to the next, and clients are answered when the sink
// has answered. One thread, nothing checked, no limits, no errors survived: a yardstick.
//
//   otlp_floor --sink HOST:PORT        prints "listening on 127.0.0.1:PORT"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/epoll.h>

#include "benchmarks/macro/http_message.h"
#include "benchmarks/macro/sockets.h"

namespace tailrace::benchmarks {
namespace {

constexpr size_t kBatchBytes = 1 << 20;
constexpr std::string_view kDone =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";

struct Client {
  int fd;
  MessageReader reader;
};

class Relay {
 public:
  explicit Relay(std::string_view sink) : epoll_(epoll_create1(0)), sink_(connect_to(sink)) {
    if (sink_ < 0) {
      perror("otlp_floor: connect");
      exit(1);
    }
    listener_ = listen_and_say("otlp_floor: listen");
    watch(listener_, &listener_);
    watch(sink_, &sink_);
  }

  [[noreturn]] void run() {
    for (;;) {
      epoll_event events[64];
      const int count = epoll_wait(epoll_, events, 64, -1);
      for (int i = 0; i < count; ++i) {
        if (events[i].data.ptr == &listener_) {
          add_client();
        } else if (events[i].data.ptr == &sink_) {
          on_sink();
        } else {
          on_client(*static_cast<Client*>(events[i].data.ptr));
        }
      }
      send_open();
    }
  }

 private:
  void watch(int fd, void* what) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = what;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  void add_client() {
    const int fd = accept(listener_, nullptr, nullptr);
    send_at_once(fd);
    clients_.push_back(std::make_unique<Client>(Client{fd, {}}));
    watch(fd, clients_.back().get());
  }
  void on_client(Client& client) {
    if (!client.reader.read_some(client.fd)) {
      close(client.fd);
      return;
    }
    std::string_view body;
    while (client.reader.whole(body)) {
      open_.append(body);
      waiting_.push_back(client.fd);
      client.reader.next();
      if (open_.size() >= kBatchBytes) {
        send_open();
      }
    }
  }
  void send_open() {
    if (open_.empty() || in_flight_) {
      return;
    }
    const std::string head = fmt::format(
        "POST /v1/traces HTTP/1.1\r\nHost: sink\r\nContent-Type: "
        "application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        open_.size());
    if (!send_all(sink_, head) || !send_all(sink_, open_)) {
      perror("otlp_floor: send");
      exit(1);
    }
    open_.clear();
    in_flight_ = true;
    to_answer_.swap(waiting_);
  }
  void on_sink() {
    if (!answers_.read_some(sink_)) {
      exit(0);
    }
    std::string_view body;
    while (answers_.whole(body)) {
      answers_.next();
      in_flight_ = false;
      for (const int fd : to_answer_) {
        send_all(fd, kDone);
      }
      to_answer_.clear();
    }
  }

  int epoll_;
  int sink_;
  int listener_;
  std::vector<std::unique_ptr<Client>> clients_;
  MessageReader answers_;
  std::string open_;
  bool in_flight_ = false;
  std::vector<int> waiting_;    // those in open_
  std::vector<int> to_answer_;  // those in flight
};

}  // namespace
}  // namespace tailrace::benchmarks

int main(int argc, char** argv) {
  if (argc != 3 || std::string_view(argv[1]) != "--sink") {
    fmt::print(stderr, "usage: otlp_floor --sink HOST:PORT\n");
    return 2;
  }
  tailrace::benchmarks::Relay(argv[2]).run();
}
