// Clients that export traces over HTTP as fast as they are answered, one request after the other.
//
//   otlp_load --to HOST:PORT --connections N --spans N --seconds N    prints what print_load does
//
// Each connection's requests have ids of their own and are otherwise alike.

#include "benchmarks/macro/otlp_load.h"

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
#include "benchmarks/macro/sockets.h"

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

int run(const LoadOptions& options) {
  std::vector<pollfd> sockets;
  std::vector<MessageReader> readers(static_cast<size_t>(options.connections));
  std::vector<std::string> requests;
  for (int i = 0; i < options.connections; ++i) {
    const int fd = connect_to(options.to);
    if (fd < 0) {
      perror("otlp_load: connect");
      return 1;
    }
    sockets.push_back({fd, POLLIN, 0});
    requests.push_back(request(1 + static_cast<uint64_t>(i) * 1'000'000, options.spans));
    send_all(fd, requests.back());
  }
  uint64_t done = 0;
  uint64_t failed = 0;
  const double start = now();
  while (now() - start < options.seconds) {
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
  print_load(options, done, failed, requests[0].size(), now() - start);
  return 0;
}

}  // namespace
}  // namespace tailrace::benchmarks

int main(int argc, char** argv) {
  using namespace tailrace::benchmarks;
  const LoadOptions options = read_load_options(argc - 1, argv + 1);
  if (options.to.empty() || options.connections < 1 || options.spans < 1) {
    fmt::print(stderr,
               "usage: otlp_load --to HOST:PORT [--connections N] [--spans N] "
               "[--seconds N]\n");
    return 2;
  }
  return run(options);
}
