#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tailrace/result.h"

namespace tailrace {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// One call to a server: HTTP and gRPC alike (gRPC: method is the full method path).
struct Call {
  std::string method = "POST";
  std::string url;
  Headers headers;
  std::string_view body;  ///< Borrowed until the answer arrived or the call was cancelled.
  std::chrono::milliseconds timeout{30000};
};

struct CallResult {
  /// Why no answer came (network, timeout, tls …). Then the other fields are empty.
  Status transport;
  int status = 0;    ///< HTTP status, or gRPC status code.
  Headers headers;   ///< Answer headers (gRPC: with trailers), names in lower case.
  std::string body;  ///< The answer's body, cut at 64 KiB.

  /// The value of a header (name in lower case), or an empty view.
  std::string_view header(std::string_view name) const noexcept {
    for (const auto& [key, value] : headers) {
      if (key == name) {
        return value;
      }
    }
    return {};
  }
};

using CallId = uint64_t;

/// Sends calls and brings answers back. Lane: the one that it was made on.
class Channel {
 public:
  virtual ~Channel() = default;  ///< Cancels what is in flight; no callback runs afterwards.
  /// `done` runs once, on the lane, never before call() has returned.
  virtual CallId call(const Call& call, std::function<void(CallResult)> done) = 0;
  /// The callback of a cancelled call does not run.
  virtual void cancel(CallId id) = 0;
};

}  // namespace tailrace
