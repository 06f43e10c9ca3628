#include "plugins/processors/trace_filter/trace_filter.h"

#include <algorithm>
#include <utility>

#include "tailrace/check.h"
#include "tailrace/plugin.h"

#include "plugins/common/otlp/append_fields.h"
#include "plugins/common/otlp/raw_fields.h"
#include "plugins/common/otlp/schema.h"

namespace tailrace::processors::trace_filter {

namespace otlp = common::otlp;
using otlp::append_field;
using otlp::RawFields;

namespace {

constexpr const char* kDroppedHelp = "Spans that the processor took out, by cause.";

Status compile(const std::vector<SpanRuleConfig>& configs, std::vector<SpanRule>& rules) {
  for (const SpanRuleConfig& config : configs) {
    auto rule = SpanRule::make(config);
    if (!rule) {
      return tl::unexpected<Error>(rule.error());
    }
    rules.push_back(std::move(*rule));
  }
  return {};
}

bool any_takes(const std::vector<const SpanRule*>& rules, const SpanHead& span) noexcept {
  return std::ranges::any_of(rules, [&](const SpanRule* rule) { return rule->takes_span(span); });
}

}  // namespace

Result<std::unique_ptr<Processor>> TraceFilter::make(
    std::shared_ptr<const TraceFilterConfig> config, ProcessorContext& context) {
  std::unique_ptr<TraceFilter> made(new TraceFilter(std::move(config), context));
  if (Status done = compile(made->config_->drop, made->drop_); !done) {
    return tl::unexpected<Error>(done.error());
  }
  if (Status done = compile(made->config_->keep, made->keep_); !done) {
    return tl::unexpected<Error>(done.error());
  }
  return std::unique_ptr<Processor>(std::move(made));
}

TraceFilter::TraceFilter(std::shared_ptr<const TraceFilterConfig> config, ProcessorContext& context)
    : config_(std::move(config)),
      lane_(context.lane()),
      samples_(config_->sample.probability < 1),
      threshold_(threshold_of(config_->sample.probability)),
      dropped_by_rule_(context.metrics().counter("trace_filter_dropped_spans_total", kDroppedHelp,
                                                 {{"cause", "rule"}})),
      dropped_by_sampling_(context.metrics().counter("trace_filter_dropped_spans_total",
                                                     kDroppedHelp, {{"cause", "sampling"}})) {}

void TraceFilter::process(Batch& batch, Next& next) noexcept {
  OtlpBatch* spans = otlp_cast(batch);
  TR_ASSERT(spans != nullptr);
  Weight all_gone;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < spans->size; ++i) {
    uint32_t gone = 0;
    const std::string_view message = filtered(spans->resources[i], gone);
    const Weight before = spans->resource_weight(i);
    const uint32_t left = before.records > gone ? static_cast<uint32_t>(before.records) - gone : 0;
    if (gone > 0 && left == 0) {
      all_gone += before;
      continue;
    }
    spans->move_resource(i, kept);
    if (gone > 0) {
      const uint64_t bytes = before.bytes * gone / before.records;
      all_gone += Weight{gone, bytes};
      spans->records[kept] = left;
      spans->source_bytes[kept] = static_cast<uint32_t>(before.bytes - bytes);
    }
    spans->resources[kept++] = message;
  }
  spans->size = kept;
  if (all_gone != Weight{}) {
    next.filtered(all_gone);
  }
  if (kept > 0) {
    next.push(batch);
  }
  otlp::release_if_large(message_);
  otlp::release_if_large(scope_);
}

std::string_view TraceFilter::filtered(std::string_view message, uint32_t& gone) {
  drop_here_.clear();
  keep_here_.clear();
  if (!drop_.empty() || !keep_.empty()) {
    const std::string_view service = service_of(message);
    const auto choose = [service](const Rules& rules, RuleList& to) {
      for (const SpanRule& rule : rules) {
        if (rule.takes_service(service)) {
          to.push_back(&rule);
        }
      }
    };
    choose(drop_, drop_here_);
    choose(keep_, keep_here_);
  }
  message_.clear();
  RawFields fields(message);
  while (fields.next()) {
    if (fields.is_bytes(otlp::resource_x::kScopes)) {
      append_scope(fields.content(), gone);
    } else {
      message_.append(fields.raw());
    }
  }
  return message_ == message ? message : lane_.arena().copy(message_);
}

void TraceFilter::append_scope(std::string_view scope, uint32_t& gone) {
  scope_.clear();
  uint32_t kept_here = 0;
  uint32_t gone_here = 0;
  RawFields fields(scope);
  while (fields.next()) {
    if (!fields.is_bytes(otlp::scope_x::kRecords)) {
      scope_.append(fields.raw());
      continue;
    }
    const SpanHead span = read_span(fields.content());
    const SamplingDecision decision = decide_on(span);
    if (!decision.keep) {
      ++gone_here;
      continue;
    }
    ++kept_here;
    if (decision.new_threshold) {
      append_with_tracestate(fields.content(),
                             with_threshold(span.tracestate, *decision.new_threshold));
    } else {
      scope_.append(fields.raw());
    }
  }
  gone += gone_here;
  if (gone_here == 0 || kept_here > 0) {
    append_field(message_, otlp::resource_x::kScopes, scope_);
  }
}

SamplingDecision TraceFilter::decide_on(const SpanHead& span) {
  if (any_takes(drop_here_, span) || (!keep_.empty() && !any_takes(keep_here_, span))) {
    dropped_by_rule_.increment();
    return {.keep = false, .new_threshold = {}};
  }
  if (!samples_) {
    return {};
  }
  const SamplingDecision decision = decide(config_->sample.mode, config_->sample.probability,
                                           threshold_, span.trace_id, span.tracestate);
  if (!decision.keep) {
    dropped_by_sampling_.increment();
  }
  return decision;
}

void TraceFilter::append_with_tracestate(std::string_view span, std::string_view tracestate) {
  span_.clear();
  bool written = false;
  RawFields fields(span);
  while (fields.next()) {
    if (!fields.is_bytes(otlp::span::kTraceState)) {
      span_.append(fields.raw());
    } else if (!std::exchange(written, true)) {
      append_field(span_, otlp::span::kTraceState, tracestate);
    }
  }
  if (!written) {
    append_field(span_, otlp::span::kTraceState, tracestate);
  }
  append_field(scope_, otlp::scope_x::kRecords, span_);
}

namespace {
constexpr Signal kSignals[] = {Signal::traces};
}  // namespace

}  // namespace tailrace::processors::trace_filter

namespace tailrace {

extern const PluginDescriptor processors_trace_filter_plugin;
const PluginDescriptor processors_trace_filter_plugin =
    define_processor<processors::trace_filter::TraceFilter,
                     processors::trace_filter::TraceFilterConfig>(
        {.name = "trace_filter",
         .summary = "Keeps or drops spans by what they are, or by the trace's probability.",
         .signals = processors::trace_filter::kSignals,
         .stability = Stability::beta,
         .reads_untrusted_input = true},
        processors::trace_filter::trace_filter_schema);

}  // namespace tailrace
