#include "plugins/processors/trace_filter/sampling.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace tailrace::processors::trace_filter {

namespace {

constexpr int kDigits = 4;
constexpr size_t kThresholdDigits = 14;
/// W3C: a tracestate has at most 32 entries.
constexpr size_t kMostEntries = 32;
/// And a value at most this many characters.
constexpr size_t kLongestValue = 256;
constexpr std::string_view kOtel = "ot";

std::string_view trimmed(std::string_view text) noexcept {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Takes what stands before the next separator off `text`.
std::string_view take(std::string_view& text, char separator) noexcept {
  const size_t at = std::min(text.find(separator), text.size());
  const std::string_view head = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return head;
}

/// The value of an entry of a tracestate with this key; nothing for another one.
std::optional<std::string_view> otel_value(std::string_view entry) noexcept {
  const size_t equals = entry.find('=');
  if (equals == std::string_view::npos || entry.substr(0, equals) != kOtel) {
    return std::nullopt;
  }
  return entry.substr(equals + 1);
}

/// Hexadecimal digits, as if zeros followed until there are 14.
std::optional<uint64_t> read_hex(std::string_view digits) noexcept {
  if (digits.empty() || digits.size() > kThresholdDigits) {
    return std::nullopt;
  }
  uint64_t value = 0;
  for (const char c : digits) {
    if (c >= '0' && c <= '9') {
      value = value << 4 | static_cast<uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      value = value << 4 | static_cast<uint64_t>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      value = value << 4 | static_cast<uint64_t>(c - 'A' + 10);
    } else {
      return std::nullopt;
    }
  }
  return value << 4 * (kThresholdDigits - digits.size());
}

/// A randomness has exactly 14 digits, and lower-case ones.
bool is_randomness(std::string_view digits) noexcept {
  return digits.size() == kThresholdDigits &&
         std::ranges::none_of(digits, [](char c) { return c >= 'A' && c <= 'F'; });
}

std::string all_digits_of(uint64_t value) {
  std::string digits;
  for (size_t i = 0; i < kThresholdDigits; ++i) {
    digits += "0123456789abcdef"[value >> 4 * (kThresholdDigits - 1 - i) & 15];
  }
  return digits;
}

std::string hex_of(uint64_t threshold) {
  const std::string digits = all_digits_of(threshold);
  const size_t last = digits.find_last_not_of('0');
  return last == std::string::npos ? "0" : digits.substr(0, last + 1);
}

}  // namespace

uint64_t threshold_of(double probability) noexcept {
  if (probability >= 1) {
    return 0;
  }
  if (!(probability >= std::ldexp(1.0, -56))) {
    return kNever;
  }
  // Leading f's are no significant digits: there are as many more as the probability is small.
  int exponent = 0;
  std::frexp(probability, &exponent);
  const int digits = std::clamp(kDigits + -exponent / 4, 1, 12);
  // 1 + the share of rejected spans lies in [1, 2), so its 52 bits behind the point are that share;
  // half of the last digit is added to round.
  const double rejected = 2 - probability + std::ldexp(0.5, -4 * digits);
  constexpr int kBits = 52;
  constexpr uint64_t kMask = (uint64_t{1} << kBits) - 1;
  const uint64_t share = rejected >= 2 ? kMask : std::bit_cast<uint64_t>(rejected) & kMask;
  const int cut = kBits - 4 * digits;
  return share >> cut << cut << 4;
}

double probability_of(uint64_t threshold) noexcept {
  return static_cast<double>(kNever - threshold) / static_cast<double>(kNever);
}

OtelState read_tracestate(std::string_view tracestate) noexcept {
  OtelState state;
  while (!tracestate.empty()) {
    const auto value = otel_value(trimmed(take(tracestate, ',')));
    if (!value) {
      continue;
    }
    std::string_view rest = *value;
    while (!rest.empty()) {
      std::string_view content = take(rest, ';');
      const std::string_view key = take(content, ':');
      if (key == "th") {
        state.threshold = read_hex(content);
      } else if (key == "rv") {
        state.randomness = is_randomness(content) ? read_hex(content) : std::nullopt;
      }
    }
    break;  // keys are unique
  }
  return state;
}

std::string with_threshold(std::string_view tracestate, uint64_t threshold) {
  std::string own = "th:" + hex_of(threshold);
  if (const auto randomness = read_tracestate(tracestate).randomness) {
    own += ";rv:" + all_digits_of(*randomness);
  }
  std::string others;
  size_t entries = 1;
  bool seen = false;
  while (!tracestate.empty()) {
    const std::string_view entry = trimmed(take(tracestate, ','));
    if (entry.empty()) {
      continue;
    }
    if (const auto value = otel_value(entry)) {
      std::string_view rest = std::exchange(seen, true) ? std::string_view() : *value;
      while (!rest.empty()) {
        const std::string_view pair = take(rest, ';');
        const bool is_ours = pair.starts_with("th:") || pair.starts_with("rv:");
        if (!pair.empty() && !is_ours && own.size() + 1 + pair.size() <= kLongestValue) {
          own.append(";").append(pair);
        }
      }
    } else if (++entries <= kMostEntries) {  // the last ones have to go
      others.append(",").append(entry);
    }
  }
  return "ot=" + own + others;
}

uint64_t randomness_of(std::string_view trace_id) noexcept {
  uint64_t bits = 0;
  for (const char c : trace_id.substr(trace_id.size() - std::min<size_t>(7, trace_id.size()))) {
    bits = bits << 8 | static_cast<uint8_t>(c);
  }
  return bits;
}

SamplingDecision decide(SamplingMode mode, double probability, uint64_t threshold,
                        std::string_view trace_id, std::string_view tracestate) noexcept {
  OtelState state = read_tracestate(tracestate);
  const uint64_t randomness = state.randomness.value_or(randomness_of(trace_id));
  if (state.threshold && randomness < *state.threshold) {
    // A span that its own threshold would have rejected: what it says is not true.
    state.threshold.reset();
  }
  const uint64_t before = state.threshold.value_or(0);
  uint64_t wanted = threshold;
  if (mode == SamplingMode::proportional) {
    wanted = before == 0 ? threshold : threshold_of(probability * probability_of(before));
  }
  wanted = std::max(wanted, before);  // a probability can be lowered only
  if (randomness < wanted) {
    return {.keep = false, .new_threshold = {}};
  }
  const bool as_it_is = state.threshold && *state.threshold == wanted;
  return {.keep = true, .new_threshold = as_it_is ? std::nullopt : std::optional(wanted)};
}

}  // namespace tailrace::processors::trace_filter
