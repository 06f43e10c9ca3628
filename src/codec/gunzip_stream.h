#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "tailrace/result.h"

namespace tailrace::codec {

/// Undoes gzip as the bytes come in, with a fixed small amount of memory (about 80 KiB, from the
/// first byte on). Several members behind each other are one text.
///
/// Bombs: deflate shrinks repetitions to a thousandth; text that machines write gets to a hundredth
///        at the very best. More than kBombRatio, once kBombBytes have come out, is refused.
/// Lane:  any, one at a time.
class GunzipStream {
 public:
  static constexpr uint64_t kBombBytes = 4 * 1024 * 1024;
  static constexpr uint64_t kBombRatio = 300;

  /// Takes a piece of the content (at most 32 KiB); false = no more is wanted.
  using Sink = std::function<bool(std::string_view)>;

  GunzipStream();
  ~GunzipStream();
  GunzipStream(GunzipStream&&) noexcept;
  GunzipStream& operator=(GunzipStream&&) noexcept;

  /// Ready for the next text; memory is kept.
  void reset() noexcept;
  /// The next bytes of the compressed text. Errors: invalid (no gzip, damaged), limit (a bomb),
  /// cancelled (the sink said so). After an error only reset() is allowed.
  Status push(std::string_view bytes, const Sink& sink);
  /// No more bytes come: an error when the text is cut off.
  Status finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tailrace::codec
