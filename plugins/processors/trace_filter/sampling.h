#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Consistent probability sampling: one trace, one decision, whoever takes it.
///
/// A span is kept when its randomness (56 bits that the whole trace shares) is not below the
/// threshold of its probability. Thresholds that were applied travel in the span's tracestate.
/// Source: OpenTelemetry specification, "TraceState: Probability Sampling" and "TraceState
/// Handling"; W3C Trace Context, "tracestate".
namespace tailrace::processors::trace_filter {

/// 2^56: the threshold that nothing reaches.
inline constexpr uint64_t kNever = uint64_t{1} << 56;

/// The threshold of a probability, with four significant hexadecimal digits as SDKs and collectors
/// have it by default. kNever when the probability is below 2^-56.
uint64_t threshold_of(double probability) noexcept;
double probability_of(uint64_t threshold) noexcept;

/// The entry `ot` of a tracestate.
struct OtelState {
  std::optional<uint64_t> threshold;   ///< `th`
  std::optional<uint64_t> randomness;  ///< `rv`
};
/// What is malformed counts as missing.
OtelState read_tracestate(std::string_view tracestate) noexcept;
/// The tracestate with this threshold; the entry `ot` comes first, as W3C wants it of one that was
/// changed. Other entries and other keys within `ot` stay as far as W3C's limits allow, but for a
/// malformed randomness: whoever decides next is to go by the trace id, as we did.
std::string with_threshold(std::string_view tracestate, uint64_t threshold);

/// The last 56 bits of a trace id of 16 bytes.
uint64_t randomness_of(std::string_view trace_id) noexcept;

enum class SamplingMode : uint8_t {
  equalizing,    ///< All spans end up with the one probability.
  proportional,  ///< The probability that a span came with is multiplied.
};

/// What to do with a span.
struct SamplingDecision {
  bool keep = true;
  /// Of a kept span; nothing = its tracestate stays as it is.
  std::optional<uint64_t> new_threshold;
};
/// `threshold` is that of `probability`.
SamplingDecision decide(SamplingMode mode, double probability, uint64_t threshold,
                        std::string_view trace_id, std::string_view tracestate) noexcept;

}  // namespace tailrace::processors::trace_filter
