#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace tailrace::benchmarks {

inline void put_varint(std::string& to, uint64_t value) {
  while (value >= 0x80) {
    to += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  to += static_cast<char>(value);
}
inline void put_bytes(std::string& to, uint32_t field, std::string_view content) {
  put_varint(to, field << 3 | 2);
  put_varint(to, content.size());
  to += content;
}
inline void put_fixed64(std::string& to, uint32_t field, uint64_t value) {
  put_varint(to, field << 3 | 1);
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}
inline std::string attribute(std::string_view key, std::string_view text) {
  std::string value;
  put_bytes(value, 1, text);
  std::string pair;
  put_bytes(pair, 1, key);
  put_bytes(pair, 2, value);
  return pair;
}

/// As ids are: random, so that sampling keeps some spans of each request (splitmix64).
inline uint64_t scattered(uint64_t number) {
  number = (number + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
  number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
  return number ^ (number >> 31);
}

inline std::string span(uint64_t number) {
  const uint64_t random = scattered(number);
  std::string id(reinterpret_cast<const char*>(&random), sizeof random);
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

/// An export request of `spans` spans, some 340 bytes each: ids, a name, times, six attributes, a
/// status.
inline std::string export_body(uint64_t first, int spans) {
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
  return body;
}

}  // namespace tailrace::benchmarks
