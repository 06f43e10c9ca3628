#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fmt/format.h>

/// What clients that export traces are told, and what they tell.
namespace tailrace::benchmarks {

struct LoadOptions {
  std::string to;  // HOST:PORT
  int connections = 4;
  int spans = 50;  // in a request
  double seconds = 10;
};

inline LoadOptions read_load_options(int count, char** arguments) {
  LoadOptions options;
  for (int i = 0; i + 1 < count; i += 2) {
    const std::string_view option = arguments[i];
    if (option == "--to") {
      options.to = arguments[i + 1];
    } else if (option == "--connections") {
      options.connections = atoi(arguments[i + 1]);
    } else if (option == "--spans") {
      options.spans = atoi(arguments[i + 1]);
    } else if (option == "--seconds") {
      options.seconds = atof(arguments[i + 1]);
    }
  }
  return options;
}

/// Prints {"spans":…,"requests":…,"failed":…,"request_bytes":…,"seconds":…}.
inline void print_load(const LoadOptions& options, uint64_t done, uint64_t failed,
                       size_t request_bytes, double seconds) {
  fmt::print(R"({{"spans":{},"requests":{},"failed":{},"request_bytes":{},"seconds":{:.3f}}})"
             "\n",
             done * static_cast<uint64_t>(options.spans), done, failed, request_bytes, seconds);
  fflush(stdout);
}

}  // namespace tailrace::benchmarks
