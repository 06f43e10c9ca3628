#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tailrace/config_schema.h"

#include "plugins/processors/trace_filter/sampling.h"

namespace tailrace::processors::trace_filter {

/// All conditions that are written must hold.
struct SpanRuleConfig {
  StringList service;
  std::string service_regex;
  StringList name_contains;
  std::string name_regex;
  StringList status;
  StringList kind;
  std::optional<Duration> duration_at_least;
  std::optional<Duration> duration_below;

  bool empty() const noexcept;
};

struct SampleConfig {
  double probability = 1;
  SamplingMode mode = SamplingMode::equalizing;
};

struct TraceFilterConfig {
  std::vector<SpanRuleConfig> drop;
  std::vector<SpanRuleConfig> keep;
  SampleConfig sample;

  void validate(const ConfigValue& at, ConfigContext& context) const;
};

const Schema& trace_filter_schema();

/// "unset", "ok" … to the number in Status.code; nothing for another word.
std::optional<uint32_t> status_of(std::string_view word) noexcept;
/// "internal", "server" … to the number in Span.kind.
std::optional<uint32_t> kind_of(std::string_view word) noexcept;

}  // namespace tailrace::processors::trace_filter
