#include "plugins/processors/trace_filter/trace_filter_config.h"

#include <span>
#include <string_view>

#include "tailrace/regex.h"

namespace tailrace::processors::trace_filter {

namespace {

/// In the order of their numbers.
constexpr std::string_view kStatuses[] = {"unset", "ok", "error"};
constexpr std::string_view kKinds[] = {"unspecified", "internal", "server",
                                       "client",      "producer", "consumer"};

std::optional<uint32_t> place_of(std::span<const std::string_view> words, std::string_view word) {
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == word) {
      return static_cast<uint32_t>(i);
    }
  }
  return std::nullopt;
}

std::string complaint(std::span<const std::string_view> known, const StringList& words) {
  for (const std::string& word : words) {
    if (!place_of(known, word)) {
      std::string text = "\"" + word + "\" is none of ";
      for (const std::string_view other : known) {
        text.append(other == known.front() ? "" : ", ").append(other);
      }
      return text;
    }
  }
  return {};
}

std::string empty_complaint(const StringList& texts) {
  for (const std::string& text : texts) {
    if (text.empty()) {
      return "an empty text is contained in every name";
    }
  }
  return {};
}

const Schema& rule_schema() {
  static const Schema schema = Schema::of<SpanRuleConfig>({
      option("service", &SpanRuleConfig::service, "The span's service.name is one of these."),
      option("service_regex", &SpanRuleConfig::service_regex,
             "RE2 pattern that the whole service.name must match.")
          .check<std::string>(&SpanRuleConfig::service_regex, regex_complaint),
      option("name_contains", &SpanRuleConfig::name_contains,
             "The span's name contains one of these texts.")
          .check<StringList>(&SpanRuleConfig::name_contains, empty_complaint),
      option("name_regex", &SpanRuleConfig::name_regex,
             "RE2 pattern that must match somewhere in the span's name.")
          .check<std::string>(&SpanRuleConfig::name_regex, regex_complaint),
      option("status", &SpanRuleConfig::status, "The status is one of these: unset, ok, error.")
          .check<StringList>(&SpanRuleConfig::status,
                             [](const StringList& words) { return complaint(kStatuses, words); }),
      option("kind", &SpanRuleConfig::kind,
             "The kind is one of these: unspecified, internal, server, client, producer, consumer.")
          .check<StringList>(&SpanRuleConfig::kind,
                             [](const StringList& words) { return complaint(kKinds, words); }),
      option("duration_at_least", &SpanRuleConfig::duration_at_least,
             "The span took this long or longer."),
      option("duration_below", &SpanRuleConfig::duration_below, "The span took less than this."),
  });
  return schema;
}

const Schema& sample_schema() {
  static const Schema schema = Schema::of<SampleConfig>({
      option("probability", &SampleConfig::probability, "Share of the traces that is kept.")
          .range("0", "1"),
      choice(
          "mode", &SampleConfig::mode,
          "What a probability that was applied before means: equalizing makes it this one where "
          "it is higher, proportional multiplies the two.",
          {{"equalizing", SamplingMode::equalizing}, {"proportional", SamplingMode::proportional}}),
  });
  return schema;
}

void check_rules(const std::vector<SpanRuleConfig>& rules, const char* list, const ConfigValue& at,
                 ConfigContext& context) {
  const ConfigValue* written = at.find(list);
  for (size_t i = 0; i < rules.size(); ++i) {
    const SpanRuleConfig& rule = rules[i];
    const char* wrong = nullptr;
    if (rule.empty()) {
      wrong = " has no condition and would match every span";
    } else if (rule.duration_at_least && rule.duration_below &&
               *rule.duration_at_least >= *rule.duration_below) {
      wrong = " matches no span: duration_at_least is not less than duration_below";
    }
    if (wrong != nullptr) {
      const bool has_place = written != nullptr && i < written->items.size();
      context.fail(has_place ? written->items[i] : at,
                   "rule " + std::to_string(i + 1) + " of " + list + wrong);
    }
  }
}

}  // namespace

std::optional<uint32_t> status_of(std::string_view word) noexcept {
  return place_of(kStatuses, word);
}

std::optional<uint32_t> kind_of(std::string_view word) noexcept {
  return place_of(kKinds, word);
}

bool SpanRuleConfig::empty() const noexcept {
  return service.empty() && service_regex.empty() && name_contains.empty() && name_regex.empty() &&
         status.empty() && kind.empty() && !duration_at_least && !duration_below;
}

void TraceFilterConfig::validate(const ConfigValue& at, ConfigContext& context) const {
  if (drop.empty() && keep.empty() && sample.probability == 1) {
    context.fail(at, "needs something to do: drop, keep or sample");
  }
  check_rules(drop, "drop", at, context);
  check_rules(keep, "keep", at, context);
}

const Schema& trace_filter_schema() {
  static const Schema schema = Schema::of<TraceFilterConfig>({
      objects("drop", &TraceFilterConfig::drop, "A span that matches one of these rules goes.",
              rule_schema()),
      objects("keep", &TraceFilterConfig::keep,
              "If there are any: a span that matches none of these rules goes. `drop` is looked at "
              "first.",
              rule_schema()),
      object("sample", &TraceFilterConfig::sample,
             "Which traces are kept, of those whose spans the rules let through.", sample_schema()),
  });
  return schema;
}

}  // namespace tailrace::processors::trace_filter
