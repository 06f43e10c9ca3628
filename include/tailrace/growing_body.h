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
  /// Before the body moves to larger memory, where what it has had so far is held as well until
  /// on_grown. Returns how large: `most`, or less but at least `least`. 0: it has replied (429,
  /// 413 …), and the rest of the body is not kept.
  virtual uint64_t on_growth(const std::shared_ptr<HttpExchange>& exchange, uint64_t least,
                             uint64_t most) = 0;
  /// The body has moved: it holds `room` bytes, and nothing else any more.
  virtual void on_grown(const std::shared_ptr<HttpExchange>& exchange, uint64_t room) = 0;

 protected:
  ~GrowingBodyHandler() = default;
};

}  // namespace tailrace
