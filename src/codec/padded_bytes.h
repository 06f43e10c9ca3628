#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

#include "tailrace/block.h"
#include "tailrace/bytes.h"

namespace tailrace::codec {

/// Owned bytes with kBlockPadding zero bytes behind them, as SIMD readers (JSON) want it.
class PaddedBytes {
 public:
  PaddedBytes() = default;
  explicit PaddedBytes(size_t size) : bytes_(size + kBlockPadding) { set_size(size); }
  /// Takes over bytes that have kBlockPadding spare ones behind `size`.
  PaddedBytes(Bytes bytes_and_padding, size_t size) : bytes_(std::move(bytes_and_padding)) {
    set_size(size);
  }
  static PaddedBytes copy_of(std::string_view bytes) {
    PaddedBytes copy(bytes.size());
    if (!bytes.empty()) {
      std::memcpy(copy.data(), bytes.data(), bytes.size());
    }
    return copy;
  }

  char* data() noexcept { return bytes_.data(); }
  const char* data() const noexcept { return bytes_.data(); }
  size_t size() const noexcept { return size_; }
  std::string_view view() const noexcept { return {bytes_.data(), size_}; }

 private:
  void set_size(size_t size) {
    size_ = size;
    std::memset(bytes_.data() + size, 0, kBlockPadding);
  }

  Bytes bytes_;
  size_t size_ = 0;
};

}  // namespace tailrace::codec
