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

/// Takes the body of an answer while it arrives, for answers that may be large (a scraped page).
/// Lane: the channel's.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  /// Status 200 has come, after all redirects, with these headers (names in lower case). Called
  /// once, before on_data. False: the body is not wanted; the call ends with ErrorCode::cancelled.
  virtual bool on_head(const Headers& headers) = 0;
  /// The next bytes, Content-Encoding gzip undone. False as above.
  virtual bool on_data(std::string_view bytes) = 0;
};

/// One call to a server: HTTP and gRPC alike. gRPC: `method` is the full name of a unary method
/// ("/pkg.Service/Method"), of `url` only scheme, host and port count, `headers` become metadata. A
/// header `content-encoding: gzip` says that `body` is compressed already.
struct Call {
  std::string method = "POST";
  std::string url;
  Headers headers;
  std::string_view body;  ///< Borrowed until the answer arrived or the call was cancelled.
  std::chrono::milliseconds timeout{30000};
  /// Set: the body of an answer with status 200 goes there, and CallResult::body stays empty. Other
  /// answers come as always. Borrowed like `body`. HTTP only.
  AnswerSink* sink = nullptr;
  /// How many bytes the answer is likely to have: larger ones are then read in larger steps.
  size_t expected_bytes = 0;
};

struct CallResult {
  /// Why no answer came (network, timeout, tls …). Then the other fields are empty.
  Status transport;
  int status = 0;    ///< HTTP status, or gRPC status code.
  Headers headers;   ///< Answer headers, names in lower case (gRPC: with trailers, those ending in
                     ///< -bin as raw bytes, and the status message as `grpc-message`).
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
  /// So many servers are called again and again: a connection to each is kept open meanwhile.
  virtual void keep_connections(size_t /*servers*/) {}
};

}  // namespace tailrace
