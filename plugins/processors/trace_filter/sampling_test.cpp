#include "plugins/processors/trace_filter/sampling.h"

#include <string>

#include <doctest/doctest.h>

using namespace tailrace::processors::trace_filter;

namespace {

/// A trace id with these last 56 bits.
std::string trace_of(uint64_t randomness) {
  std::string id(16, '\x7f');
  for (size_t i = 0; i < 7; ++i) {
    id[15 - i] = static_cast<char>(randomness >> 8 * i);
  }
  return id;
}

}  // namespace

TEST_CASE("Sampling: thresholds as the specification's table has them") {
  // OpenTelemetry specification, "Converting floating-point probability to threshold value":
  // precision 4, for 1 in N.
  const auto digits = [](const char* text) {
    uint64_t value = std::stoull(text, nullptr, 16);
    return value << 4 * (14 - std::string(text).size());
  };
  CHECK(threshold_of(1) == 0);
  CHECK(threshold_of(1.0 / 2) == digits("8"));
  CHECK(threshold_of(1.0 / 3) == digits("aaab"));
  CHECK(threshold_of(1.0 / 4) == digits("c"));
  CHECK(threshold_of(1.0 / 5) == digits("cccd"));
  CHECK(threshold_of(1.0 / 8) == digits("e"));
  CHECK(threshold_of(1.0 / 10) == digits("e666"));
  CHECK(threshold_of(1.0 / 16) == digits("f"));
  CHECK(threshold_of(1.0 / 100) == digits("fd70a"));
  CHECK(threshold_of(1.0 / 1000) == digits("ffbe77"));
  CHECK(threshold_of(1.0 / 10000) == digits("fff9724"));
  CHECK(threshold_of(1.0 / 100000) == digits("ffff583a"));
  CHECK(threshold_of(1.0 / 1000000) == digits("ffffef39"));
  CHECK(threshold_of(0) == kNever);
  CHECK(threshold_of(1e-18) == kNever);
  CHECK(probability_of(digits("c")) == 0.25);
}

TEST_CASE("Sampling: the last 56 bits of the trace id decide, unless rv says otherwise") {
  const uint64_t half = threshold_of(0.5);
  const auto kept = [&](uint64_t randomness, std::string_view tracestate) {
    return decide(SamplingMode::equalizing, 0.5, half, trace_of(randomness), tracestate).keep;
  };
  CHECK(kept(half, ""));
  CHECK(!kept(half - 1, ""));
  CHECK(kept(0, "ot=rv:80000000000000"));
  CHECK(!kept(kNever - 1, "a=b,ot=rv:7fffffffffffff;x:1"));
  CHECK(kept(kNever - 1, "ot=rv:7fff"));  // not 14 digits: no randomness
  CHECK(kept(kNever - 1, "other=rv:00000000000000"));
}

TEST_CASE("Sampling: the examples of the specification and of the collector") {
  const auto kept = [](std::string_view trace, std::string_view tracestate) {
    const auto found = read_tracestate(tracestate);
    REQUIRE(found.threshold);
    // A span whose own threshold rejects it is inconsistent: then ours alone counts.
    return decide(SamplingMode::equalizing, probability_of(*found.threshold), *found.threshold,
                  trace, tracestate)
        .keep;
  };
  // tracestate-handling, "Explicit randomness value".
  const std::string other(16, '\0');
  CHECK(read_tracestate("ot=rv:6e6d1a75832a2f").randomness == 0x6e6d1a75832a2f);
  CHECK(kept(other, "ot=rv:6e6d1a75832a2f;th:6e6d1a75832a2f"));
  CHECK(!kept(other, "ot=rv:6e6d1a75832a2f;th:6e6d1a75832a3"));
  CHECK(kept(trace_of(0x6e6d1a75832a2f), "ot=th:6e6d1a75832a2f"));
  CHECK(!kept(trace_of(0x6e6d1a75832a2f), "ot=th:6e6d1a75832a3"));
  // tracestate-handling, "Sampling threshold value".
  CHECK(read_tracestate("ot=th:0").threshold == 0);
  CHECK(probability_of(*read_tracestate("ot=th:0").threshold) == 1);
  CHECK(read_tracestate("ot=th:FD70A4").threshold == 0xfd70a400000000);
  // Collector, pkg/sampling, the examples of Threshold.ShouldSample.
  CHECK(kept(other, "ot=th:c;rv:d29d6a7215ced0"));
  CHECK(kept(trace_of(0xd29d6a7215ced0), "ot=th:c"));
  CHECK(!kept(trace_of(0xb29d6a7215ced0), "ot=th:c"));
}

TEST_CASE("Sampling: what is malformed counts as missing") {
  for (const char* const state :
       {"ot=th:", "ot=th:g", "ot=th:123456789abcdef", "ot=th:-1", "ot=th", "ot", "th:8", "ot=TH:8",
        "xot=th:8", "t@ot=th:8", "ot=x:1;th:0x8", ""}) {
    CAPTURE(state);
    CHECK(!read_tracestate(state).threshold);
  }
  for (const char* const state : {"ot=rv:6E6D1A75832A2F", "ot=rv:6e6d1a75832a2",
                                  "ot=rv:", "ot=rv:6e6d1a75832a2f0", "ot=rv:6e6d1a75832a2g"}) {
    CAPTURE(state);
    CHECK(!read_tracestate(state).randomness);
  }
  CHECK(read_tracestate("a=1, ot=th:c ,b=2").threshold == threshold_of(0.25));
}

TEST_CASE("Sampling: what a lower probability keeps a higher one keeps, too") {
  for (uint64_t i = 0; i < 1000; ++i) {
    const std::string trace = trace_of(i * 0x0041c64e6d3039 & (kNever - 1));
    bool kept = true;
    for (const double probability : {0.9, 0.5, 0.3, 0.1, 0.01}) {
      const bool now =
          decide(SamplingMode::equalizing, probability, threshold_of(probability), trace, "").keep;
      CHECK((kept || !now));
      kept = now;
    }
  }
}

TEST_CASE("Sampling: a threshold that was applied before is respected") {
  const uint64_t quarter = threshold_of(0.25);
  const uint64_t tenth = threshold_of(0.1);
  // Raised.
  auto decision = decide(SamplingMode::equalizing, 0.1, tenth, trace_of(kNever - 1), "ot=th:c");
  CHECK(decision.keep);
  CHECK(decision.new_threshold == tenth);
  // Never lowered: it says already that fewer were kept.
  decision = decide(SamplingMode::equalizing, 0.25, quarter, trace_of(kNever - 1), "ot=th:e666");
  CHECK(decision.keep);
  CHECK(!decision.new_threshold);
  // One that would have rejected this span is not true.
  decision =
      decide(SamplingMode::equalizing, 0.5, threshold_of(0.5), trace_of(quarter - 1), "ot=th:e666");
  CHECK(decision.keep);
  CHECK(decision.new_threshold == threshold_of(0.5));
  // In proportion: 1/4 of 1/2 is 1/8.
  decision = decide(SamplingMode::proportional, 0.25, quarter, trace_of(kNever - 1), "ot=th:8");
  CHECK(decision.keep);
  CHECK(decision.new_threshold == threshold_of(0.125));
  // A product below the least probability keeps nothing.
  CHECK(!decide(SamplingMode::proportional, 0.25, quarter, trace_of(kNever - 1),
                "ot=th:fffffffffffffe")
             .keep);
  // With explicit randomness the threshold that came is held against that, not against the id.
  decision =
      decide(SamplingMode::equalizing, 0.25, quarter, trace_of(0), "ot=rv:f0000000000000;th:e666");
  CHECK(decision.keep);
  CHECK(!decision.new_threshold);
  CHECK(!decide(SamplingMode::proportional, 0.25, quarter, trace_of(threshold_of(0.125) - 1),
                "ot=th:8")
             .keep);
}

TEST_CASE("Sampling: the tracestate keeps everything else") {
  CHECK(with_threshold("", threshold_of(0.25)) == "ot=th:c");
  CHECK(with_threshold("", 0) == "ot=th:0");
  CHECK(with_threshold("a=1, b=2", threshold_of(0.1)) == "ot=th:e666,a=1,b=2");
  CHECK(with_threshold("a=1,ot=rv:6e6d1a75832a2f;th:8;x:y,b=2", threshold_of(0.25)) ==
        "ot=th:c;rv:6e6d1a75832a2f;x:y,a=1,b=2");
  // What is no randomness goes, so that whoever comes next takes the trace id as we did; a second
  // entry of that name does, too.
  CHECK(with_threshold("ot=rv:6E6D1A75832A2F;x:y,ot=z:1,a=b", 0) == "ot=th:0;x:y,a=b");
  // W3C: 256 characters. The randomness is not what has to go.
  const std::string large = "x:" + std::string(230, 'v');
  CHECK(with_threshold("ot=th:8;" + large + ";rv:6e6d1a75832a2f;y:1", threshold_of(0.001)) ==
        "ot=th:ffbe77;rv:6e6d1a75832a2f;y:1");
  std::string many;
  for (int i = 0; i < 32; ++i) {
    many += (i == 0 ? "" : ",") + std::string("k") + std::to_string(i) + "=v";
  }
  const std::string cut = with_threshold(many, 0);
  CHECK(cut.ends_with(",k30=v"));
}
