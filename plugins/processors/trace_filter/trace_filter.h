#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/otlp_batch.h"
#include "tailrace/processor.h"

#include "plugins/processors/trace_filter/span_rule.h"
#include "plugins/processors/trace_filter/trace_filter_config.h"

namespace tailrace::processors::trace_filter {

/// Takes spans out by rules and by probability.
///
/// Shape: spans that go are cut out, and the lengths around them are written anew; of those that
///        stay at most the tracestate changes. Every other byte is as it was. Scopes and resources
///        that are left without spans go, too.
class TraceFilter final : public Processor {
 public:
  static Result<std::unique_ptr<Processor>> make(std::shared_ptr<const TraceFilterConfig> config,
                                                 ProcessorContext& context);
  void process(Batch& batch, Next& next) noexcept override;

 private:
  using Rules = std::vector<SpanRule>;
  using RuleList = std::vector<const SpanRule*>;

  TraceFilter(std::shared_ptr<const TraceFilterConfig> config, ProcessorContext& context);
  /// The resource without the spans that go; `gone` is their number.
  std::string_view filtered(std::string_view message, uint32_t& gone);
  /// Appends a ScopeSpans message as a field, unless none of its spans is left.
  void append_scope(std::string_view scope, uint32_t& gone);
  void append_with_tracestate(std::string_view span, std::string_view tracestate);
  SamplingDecision decide_on(const SpanHead& span);

  const std::shared_ptr<const TraceFilterConfig> config_;
  Lane& lane_;
  Rules drop_;
  Rules keep_;
  const bool samples_;
  const uint64_t threshold_;
  Counter& dropped_by_rule_;
  Counter& dropped_by_sampling_;

  // Of the resource in work.
  RuleList drop_here_;
  RuleList keep_here_;
  std::string message_;
  std::string scope_;
  std::string span_;
};

}  // namespace tailrace::processors::trace_filter
