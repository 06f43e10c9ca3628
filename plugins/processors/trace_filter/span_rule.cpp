#include "plugins/processors/trace_filter/span_rule.h"

#include <algorithm>

#include "codec/proto_reader.h"
#include "plugins/common/otlp/fields.h"
#include "plugins/common/otlp/schema.h"
#include "plugins/common/otlp/value_text.h"

namespace tailrace::processors::trace_filter {

namespace otlp = common::otlp;

namespace {

bool has_bit(uint32_t bits, uint32_t number) noexcept {
  return bits == 0 || (number < 32 && (bits >> number & 1U) != 0);
}

}  // namespace

SpanHead read_span(std::string_view message) noexcept {
  SpanHead span;
  codec::ProtoReader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case otlp::span::kTraceId:
        span.trace_id = reader.bytes();
        break;
      case otlp::span::kTraceState:
        span.tracestate = reader.bytes();
        break;
      case otlp::span::kName:
        span.name = reader.bytes();
        break;
      case otlp::span::kKind:
        span.kind = static_cast<uint32_t>(reader.varint());
        break;
      case otlp::span::kStartTime:
        span.start = reader.fixed64();
        break;
      case otlp::span::kEndTime:
        span.end = reader.fixed64();
        break;
      case otlp::span::kStatus: {
        codec::ProtoReader status(reader.bytes());
        while (status.next()) {
          if (status.field() == otlp::span_status::kCode) {
            span.status = static_cast<uint32_t>(status.varint());
          } else {
            status.skip();
          }
        }
        break;
      }
      default:
        reader.skip();
    }
  }
  return span;
}

std::string_view service_of(std::string_view resource_spans) noexcept {
  std::string_view service;
  otlp::for_each_field(resource_spans, otlp::resource_x::kResource, [&](std::string_view resource) {
    otlp::for_each_field(resource, otlp::resource::kAttributes, [&](std::string_view message) {
      const otlp::KeyValue pair = otlp::read_key_value(message);
      if (pair.key == "service.name" && pair.value.kind == otlp::any_value::kString) {
        service = pair.value.bytes;
      }
    });
  });
  return service;
}

Result<SpanRule> SpanRule::make(const SpanRuleConfig& config) {
  SpanRule rule;
  const auto compile = [](const std::string& pattern, bool anchored,
                          std::optional<Regex>& to) -> Status {
    if (!pattern.empty()) {
      auto regex = Regex::compile(pattern, {.anchored = anchored});
      if (!regex) {
        return tl::unexpected<Error>(regex.error());
      }
      to.emplace(std::move(*regex));
    }
    return {};
  };
  if (Status done = compile(config.service_regex, true, rule.service_regex_); !done) {
    return tl::unexpected<Error>(done.error());
  }
  if (Status done = compile(config.name_regex, false, rule.name_regex_); !done) {
    return tl::unexpected<Error>(done.error());
  }
  rule.services_ = config.service;
  rule.name_contains_ = config.name_contains;
  for (const std::string& word : config.status) {
    rule.statuses_ |= 1U << status_of(word).value_or(0);
  }
  for (const std::string& word : config.kind) {
    rule.kinds_ |= 1U << kind_of(word).value_or(0);
  }
  if (config.duration_at_least) {
    rule.at_least_ns_ = static_cast<uint64_t>(config.duration_at_least->count());
  }
  if (config.duration_below) {
    rule.below_ns_ = static_cast<uint64_t>(config.duration_below->count());
  }
  return rule;
}

bool SpanRule::takes_service(std::string_view service) const noexcept {
  return (services_.empty() || std::ranges::find(services_, service) != services_.end()) &&
         (!service_regex_ || service_regex_->matches(service));
}

bool SpanRule::takes_span(const SpanHead& span) const noexcept {
  const uint64_t duration = span.duration_ns();
  return has_bit(statuses_, span.status) && has_bit(kinds_, span.kind) &&
         duration >= at_least_ns_ && duration < below_ns_ &&
         (name_contains_.empty() || std::ranges::any_of(name_contains_,
                                                        [&](const std::string& text) {
                                                          return span.name.find(text) !=
                                                                 std::string_view::npos;
                                                        })) &&
         (!name_regex_ || name_regex_->matches(span.name));
}

}  // namespace tailrace::processors::trace_filter
