#pragma once

#include <cstdint>
#include <string>

#include <microhttpd.h>

#include "tailrace/channel.h"
#include "tailrace/clock.h"

namespace tailrace::net {

/// Makes libmicrohttpd's responses. One without a body that says the same as the last one (a
/// receiver's "taken") is made once a second, for so long its date is right.
///
/// Lane: its server's.
class ResponseCache {
 public:
  explicit ResponseCache(const Clock& clock) noexcept : clock_(clock) {}
  ~ResponseCache();
  ResponseCache(const ResponseCache&) = delete;
  ResponseCache& operator=(const ResponseCache&) = delete;

  /// Answers a request. `body` is borrowed until the request is over.
  bool answer(MHD_Connection* connection, int status, const Headers& headers,
              const std::string& body, bool closes_connection);

 private:
  const Clock& clock_;
  MHD_Response* last_ = nullptr;
  Headers headers_;  // of last_
  bool closes_connection_ = false;
  int64_t second_ = 0;
};

}  // namespace tailrace::net
