#pragma once

#include <cstdint>
#include <memory>

#include "tailrace/http.h"

namespace tailrace {

/// An HttpHandler that is also one of these is asked for room as a body comes in that does not say
/// its size (chunked): such a body may become as large as on_head allowed, and seldom does. Both
/// are public bases, or it is not found.
class GrowingBodyHandler {
 public:
  /// Before the body gets `room` bytes in all; what came so far is copied there and then let go.
  /// False: it has replied (429, 413 …), and the rest of the body is not kept.
  virtual bool on_growth(const std::shared_ptr<HttpExchange>& exchange, uint64_t room) = 0;

 protected:
  ~GrowingBodyHandler() = default;
};

}  // namespace tailrace
