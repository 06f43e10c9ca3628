// Clients that export traces over HTTP as fast as they are answered, one request after the other.
//
//   otlp_load --to HOST:PORT --connections N --spans N --seconds N
//     prints {"spans":…,"requests":…,"failed":…,"request_bytes":…,"seconds":…}
//
// A span has about 360 bytes: ids, a name, times, six attributes, a status. Each connection's
// requests have ids of their own and are otherwise alike.

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <time.h>

#include "benchmarks/macro/http_message.h"

namespace tailrace::benchmarks {
namespace {

void put_varint(std::string& to, uint64_t value) {
  while (value >= 0x80) {
    to += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  to += static_cast<char>(value);
}
void put_bytes(std::string& to, uint32_t field, std::string_view content) {
  put_varint(to, field << 3 | 2);
  put_varint(to, content.size());
  to += content;
}
void put_fixed64(std::string& to, uint32_t field, uint64_t value) {
  put_varint(to, field << 3 | 1);
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}
std::string attribute(std::string_view key, std::string_view text) {
  std::string value;
  put_bytes(value, 1, text);
  std::string pair;
  put_bytes(pair, 1, key);
  put_bytes(pair, 2, value);
  return pair;
}

std::string span(uint64_t number) {
  std::string id(reinterpret_cast<const char*>(&number), sizeof number);
  std::string out;
  put_bytes(out, 1, id + id);
  put_bytes(out, 2, id);
  put_bytes(out, 4, id);
  put_bytes(out, 5, "GET /api/v2/carts/{id}/items");
  out += "\x30\x02";  // kind: server
  put_fixed64(out, 7, 1'767'322'445'000'000'000 + number);
  put_fixed64(out, 8, 1'767'322'445'000'250'000 + number);
  put_bytes(out, 9, attribute("http.request.method", "GET"));
  put_bytes(out, 9, attribute("http.response.status_code", "200"));
  put_bytes(out, 9, attribute("url.path", "/api/v2/carts/8f14e45f/items"));
  put_bytes(out, 9, attribute("server.address", "carts.shop.svc.cluster.local"));
  put_bytes(out, 9, attribute("network.peer.address", "10.42.17.201"));
  put_bytes(out, 9, attribute("user_agent.original", "shop-frontend/4.17.2"));
  put_bytes(out, 15, std::string_view("\x18\x01", 2));
  return out;
}

std::string request(uint64_t first, int spans) {
  std::string scope;
  put_bytes(scope, 1, "\x0a\x0bshop.tracer");
  for (int i = 0; i < spans; ++i) {
    put_bytes(scope, 2, span(first + static_cast<uint64_t>(i)));
  }
  std::string resource;
  for (const auto& [key, value] :
       {std::pair("service.name", "carts"), std::pair("k8s.namespace.name", "shop"),
        std::pair("k8s.pod.name", "carts-5d5c6b7f9-x2x4q")}) {
    put_bytes(resource, 1, attribute(key, value));
  }
  std::string message;
  put_bytes(message, 1, resource);
  put_bytes(message, 2, scope);
  std::string body;
  put_bytes(body, 1, message);
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
