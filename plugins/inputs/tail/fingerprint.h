#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "codec/hash.h"

namespace tailrace::inputs::tail {

/// Most bytes that a fingerprint covers.
inline constexpr size_t kFingerprintBytes = 1024;

/// A hash of a file's first bytes, of as many as there were (at most kFingerprintBytes). It grows
/// with a short file, and never covers what was not there when it was taken.
struct Fingerprint {
  uint32_t size = 0;
  uint64_t hash = 0;

  /// Of a file that begins with `head` (longer heads are fine).
  static Fingerprint of(std::string_view head) noexcept {
    head = head.substr(0, kFingerprintBytes);
    return {static_cast<uint32_t>(head.size()), codec::stable_hash(head)};
  }
  /// True when a file that begins with `head` may be the same one: it has these bytes, and maybe
  /// more. An empty fingerprint says nothing and matches nothing.
  bool matches(std::string_view head) const noexcept {
    return size != 0 && head.size() >= size && codec::stable_hash(head.substr(0, size)) == hash;
  }
  bool complete() const noexcept { return size == kFingerprintBytes; }
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

}  // namespace tailrace::inputs::tail
