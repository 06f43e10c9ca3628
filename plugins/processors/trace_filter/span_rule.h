#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/regex.h"
#include "tailrace/result.h"

#include "plugins/processors/trace_filter/trace_filter_config.h"

namespace tailrace::processors::trace_filter {

/// What rules and sampling look at. Views of the message.
struct SpanHead {
  std::string_view trace_id;
  std::string_view tracestate;
  std::string_view name;
  uint64_t start = 0;  ///< ns since the Unix epoch
  uint64_t end = 0;
  uint32_t kind = 0;
  uint32_t status = 0;

  /// 0 for a span that ends before it begins.
  uint64_t duration_ns() const noexcept { return end > start ? end - start : 0; }
};
/// Reads a checked Span message.
SpanHead read_span(std::string_view message) noexcept;
/// The attribute service.name of a checked ResourceSpans message, "" if there is none.
std::string_view service_of(std::string_view resource_spans) noexcept;

/// One rule, ready to be asked.
class SpanRule {
 public:
  static Result<SpanRule> make(const SpanRuleConfig& config);
  /// The part that is the same for all spans of a resource.
  bool takes_service(std::string_view service) const noexcept;
  /// The rest.
  bool takes_span(const SpanHead& span) const noexcept;

 private:
  SpanRule() = default;
  std::vector<std::string> services_;
  std::optional<Regex> service_regex_;
  std::vector<std::string> name_contains_;
  std::optional<Regex> name_regex_;
  uint32_t statuses_ = 0;  // bits by number; 0: any
  uint32_t kinds_ = 0;
  uint64_t at_least_ns_ = 0;
  uint64_t below_ns_ = UINT64_MAX;
};

}  // namespace tailrace::processors::trace_filter
