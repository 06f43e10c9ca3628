#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "codec/growing_buffer.h"

namespace tailrace::common::prom {

/// The symbols of one request of remote write 2.0: each text once, the empty one first.
/// Lane: one user at a time.
class SymbolTable {
 public:
  /// The index of a text; it is added when new.
  uint32_t ref(std::string_view text);
  uint32_t size() const noexcept { return static_cast<uint32_t>(symbols_.size()); }
  /// The whole table as fields `symbols` of the Request.
  std::string_view encoded() const noexcept { return encoded_.view(0, encoded_.size()); }
  size_t bytes() const noexcept { return encoded_.size(); }
  void clear() noexcept;
  /// Gives memory back that a large request took.
  void release() noexcept;

 private:
  struct Symbol {
    uint64_t hash;
    uint32_t offset;  // of the text in encoded_
    uint32_t length;
  };
  uint32_t add(std::string_view text, uint64_t hash);
  void grow();

  codec::GrowingBuffer encoded_;
  std::vector<Symbol> symbols_;
  std::vector<uint32_t> slots_;  // index + 1, 0 = free; a power of two
};

}  // namespace tailrace::common::prom
