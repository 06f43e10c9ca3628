// Clients that export traces over HTTP as fast as they are answered, one request after the other.
//
//   otlp_load --to HOST:PORT --connections N --spans N --seconds N
//     prints {"spans":…,"requests":…,"failed":…,"request_bytes":…,"seconds":…}
//
// Each connection's requests have ids of their own and are otherwise alike.

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <time.h>

#include "benchmarks/macro/http_message.h"
#include "benchmarks/macro/otlp_request.h"

namespace tailrace::benchmarks {
namespace {

std::string request(uint64_t first, int spans) {
  const std::string body = export_body(first, spans);
  return fmt::format(
             "POST /v1/traces HTTP/1.1\r\nHost: agent\r\nContent-Type: application/x-protobuf\r\n"
             "Content-Length: {}\r\n\r\n",
             body.size()) +
         body;
}

double now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

int run(std::string_view to, int connections, int spans, double seconds) {
  std::vector<pollfd> sockets;
  std::vector<MessageReader> readers(static_cast<size_t>(connections));
  std::vector<std::string> requests;
  for (int i = 0; i < connections; ++i) {
    const int fd = connect_to(to);
    if (fd < 0) {
      perror("otlp_load: connect");
      return 1;
    }
    sockets.push_back({fd, POLLIN, 0});
    requests.push_back(request(1 + static_cast<uint64_t>(i) * 1'000'000, spans));
    send_all(fd, requests.back());
  }
  uint64_t done = 0;
  uint64_t failed = 0;
  const double start = now();
  while (now() - start < seconds) {
    poll(sockets.data(), sockets.size(), 100);
    for (size_t i = 0; i < sockets.size(); ++i) {
      if (sockets[i].revents == 0) {
        continue;
      }
      if (!readers[i].read_some(sockets[i].fd)) {
        fmt::print(stderr, "otlp_load: a connection was closed\n");
        return 1;
      }
      std::string_view body;
      if (readers[i].whole(body)) {
        (readers[i].status() == 200 ? done : failed) += 1;
        readers[i].next();
        send_all(sockets[i].fd, requests[i]);
      }
    }
  }
  fmt::print(R"({{"spans":{},"requests":{},"failed":{},"request_bytes":{},"seconds":{:.3f}}})"
             "\n",
             done * static_cast<uint64_t>(spans), done, failed, requests[0].size(), now() - start);
  return 0;
}

}  // namespace
}  // namespace tailrace::benchmarks

int main(int argc, char** argv) {
  std::string to;
  int connections = 4;
  int spans = 50;
  double seconds = 10;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view option = argv[i];
    if (option == "--to") {
      to = argv[i + 1];
    } else if (option == "--connections") {
      connections = atoi(argv[i + 1]);
    } else if (option == "--spans") {
      spans = atoi(argv[i + 1]);
    } else if (option == "--seconds") {
      seconds = atof(argv[i + 1]);
    }
  }
  if (to.empty() || connections < 1 || spans < 1) {
    fmt::print(stderr,
               "usage: otlp_load --to HOST:PORT [--connections N] [--spans N] "
               "[--seconds N]\n");
    return 2;
  }
  return tailrace::benchmarks::run(to, connections, spans, seconds);
}
