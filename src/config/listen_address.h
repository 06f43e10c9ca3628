#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tailrace::config {

/// Where somebody listens, in a form that can be compared.
struct Listen {
  std::string host;  // an address or a name; "" = all addresses
  uint16_t port = 0;
};

/// Parses `0.0.0.0:2020`, `[::]:2020`, `:2020`, `localhost:2020`.
std::optional<Listen> parse_listen(std::string_view text);

/// True when the second bind would fail: the same port, and one host covers the other. Port 0 asks
/// for any free port and conflicts with nothing.
bool conflict(const Listen& a, const Listen& b);

}  // namespace tailrace::config
