// The component contract, asserted for each signal.

#include <string>

#include <doctest/doctest.h>

#include "plugins/common/otlp/otlp_samples_test.h"
#include "plugins/common/otlp/service.h"
#include "testkit/plugin_harness.h"

using namespace tailrace;                      // NOLINT(google-build-using-namespace): a test
using namespace tailrace::common::otlp::test;  // NOLINT: likewise
using namespace tailrace::outputs::otlp;       // NOLINT: likewise
using testkit::FakeServer;
using testkit::PluginHarness;

namespace {

Proto span_scope(int first, int count, size_t name_bytes = 10) {
  Proto scope;
  for (int i = first; i < first + count; ++i) {
    scope.message(common::otlp::scope_x::kRecords, span_of(i, std::string(name_bytes, 'n')));
  }
  return scope;
}

Proto many_points(int count) {
  Proto points;
  for (int i = 0; i < count; ++i) {
    points.message(common::otlp::metric_data::kPoints, number_point_of(i));
  }
  return points;
}

testkit::Samples samples(Signal signal) {
  switch (signal) {
    case Signal::traces:
      return {
          sample_of("one", signal, {resource_message("a", {span_scope(1, 1)})}),
          sample_of("several resources and scopes", signal,
                    {resource_message("a", {span_scope(10, 7), span_scope(20, 1)}),
                     resource_message("b", {span_scope(30, 3)})}),
          sample_of("large", signal, {resource_message("c", {span_scope(1, 20, 5000)})}),
          sample_of("none", signal, {}),
      };
    case Signal::logs:
      return {
          sample_of("some", signal,
                    {resource_message("a", {scope_of("x", {log_of(1), log_of(2), log_of(3)}),
                                            scope_of("y", {log_of(4)})})}),
          sample_of("one", signal, {resource_message("b", {scope_of("x", {log_of(5)})})}),
      };
    case Signal::metrics:
      return {
          sample_of("points of one metric", signal,
                    {resource_message("a", {scope_of("x", {gauge_of("m", many_points(9))})})}),
          sample_of("metrics", signal,
                    {resource_message("b", {scope_of("x", {gauge_of("m", many_points(1)),
                                                           gauge_of("n", many_points(4))})})}),
      };
  }
  return {};
}

CallResult partial(uint64_t rejected, std::string_view message) {
  return FakeServer::status(200, common::otlp::encode_response({rejected, std::string(message)}),
                            {{"content-type", "application/x-protobuf"}});
}

}  // namespace

TEST_CASE("otlp output: keeps the component contract") {
  for (const char* options :
       {"endpoint: http://tempo:4318",
        "endpoint: http://tempo:4318/base/\ncompression: zstd\nheaders: {x-scope-orgid: a}",
        "endpoint: http://tempo:4318\ncompression: none"}) {
    CAPTURE(std::string(options));
    const PluginHarness harness(outputs_otlp_plugin, options);
    harness.check_options();
    for (const Signal signal : {Signal::traces, Signal::logs, Signal::metrics}) {
      CAPTURE(static_cast<int>(signal));
      testkit::OutputSubject subject;
      subject.samples = samples(signal);
      subject.uncompress = uncompressed;
      subject.records = [signal](std::string_view payload) {
        return records_of(signal, uncompressed(payload));
      };
      subject.reworks = {ReworkReason::too_large, ReworkReason::blame_source};
      subject.retried = {429, 502, 503, 504};
      subject.readings = {
          {FakeServer::status(413), Answer::Kind::too_large},
          {FakeServer::status(500), Answer::Kind::refused},
          {FakeServer::status(404), Answer::Kind::refused},
          {FakeServer::status(429, "", {{"retry-after", "7"}}), Answer::Kind::retry},
          {FakeServer::status(200), Answer::Kind::delivered},
          {partial(0, "a warning"), Answer::Kind::delivered},
          {partial(1, "too old"), Answer::Kind::partly},
          {FakeServer::status(200, "<html>", {{"content-type", "text/html"}}), Answer::Kind::retry},
      };
      subject.refused = FakeServer::status(403, "no");
      harness.check_output(subject);
    }
  }
}
