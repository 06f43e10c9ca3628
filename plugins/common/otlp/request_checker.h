#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/batch.h"
#include "tailrace/result.h"

namespace tailrace::common::otlp {

/// Messages within messages, at most: what protobuf's own readers take by default.
inline constexpr unsigned kMaxNesting = 100;

/// One resource of a request that was found well-formed.
struct CheckedResource {
  std::string_view message;  ///< ResourceSpans or a sibling of it, without tag and length.
  uint32_t records = 0;      ///< All of them.
  uint32_t refused = 0;      ///< Those with bad ids.
  uint32_t source_bytes = 0;
};

/// Checks export requests, and counts what is in them, without decoding or copying anything.
///
/// Shape:    checked are lengths, the wire types of all fields that we know, nesting, and ids. A
///           record whose ids a backend would not take (a span's trace_id must have 16 bytes and
///           its span_id 8, neither all zero; others may be missing) is counted as refused: one
///           such span would cost the whole batch at Tempo. Unknown fields are passed over.
/// Lifetime: results are views into the body, until the next check.
/// Lane:     one user at a time.
/// Source:   protobuf "Encoding"; wire-facts section 6.
class RequestChecker {
 public:
  /// How many resources a body has at most, well-formed or not; and what check() needs for them.
  static size_t count_resources(std::string_view body) noexcept;
  static size_t scratch_bytes(size_t resources) noexcept {
    return resources * sizeof(CheckedResource);
  }

  /// Errors: invalid, with the place. `resources`: count_resources(), for memory that fits.
  Status check(Signal signal, std::string_view body, size_t resources = 0);

  /// Those that hold records.
  std::span<const CheckedResource> resources() const noexcept { return resources_; }
  uint64_t records() const noexcept { return records_; }
  uint64_t refused() const noexcept { return refused_; }
  /// Lets go of what a large request made it allocate.
  void release() { resources_ = {}; }

 private:
  std::vector<CheckedResource> resources_;
  uint64_t records_ = 0;
  uint64_t refused_ = 0;
};

/// Appends a checked resource without its refused records (and without what holds nothing else);
/// everything else stays as it is, byte for byte. Nothing, when all its records are refused.
void append_without_refused(Signal signal, std::string_view resource, std::string& out);

}  // namespace tailrace::common::otlp
