// The component contract, asserted.

#include <string>

#include <doctest/doctest.h>

#include "plugins/outputs/prometheus_remote_write/output_test.h"
#include "testkit/plugin_harness.h"

using namespace tailrace;  // NOLINT(google-build-using-namespace): a test
using namespace tailrace::outputs::prometheus_remote_write::test;  // NOLINT: likewise
using testkit::FakeServer;
using testkit::PluginHarness;

namespace {

NativeHistogram float_histogram() {
  static const BucketSpan kSpans[] = {{1, 2}};
  static const double kCounts[] = {1.5, 2.5};
  NativeHistogram h;
  h.is_float = true;
  h.count_float = 4;
  h.sum = 9;
  h.positive_spans = kSpans;
  h.positive_counts = kCounts;
  return h;
}

testkit::Sample sample(std::string name, std::function<void(MetricBatchOf&)> fill) {
  return {std::move(name), [fill = std::move(fill)](testkit::ManualLane&, const auto& use) {
            MetricBatchOf batch;
            fill(batch);
            use(batch.batch());
          }};
}

testkit::Samples samples() {
  return {
      sample("some",
             [](MetricBatchOf& batch) {
               for (int i = 0; i < 40; ++i) {
                 batch.sample({{"__name__", "m"}, {"i", std::to_string(i)}}, 1'700'000'000'000, i);
               }
             }),
      sample("none", [](MetricBatchOf&) {}),
      sample("several of a series",
             [](MetricBatchOf& batch) {
               for (int i = 0; i < 30; ++i) {
                 batch.sample({{"__name__", "s"}, {"x", std::to_string(i / 10)}}, i, i);
               }
             }),
      sample("stale, old, negative times",
             [](MetricBatchOf& batch) {
               batch.bits({{"__name__", "a"}}, -5, kStaleNan).bits({{"__name__", "b"}}, 0, 0);
             }),
      sample("long labels",
             [](MetricBatchOf& batch) {
               batch.sample({{"__name__", "l"}, {"v", std::string(100'000, 'v')}}, 5, 1);
             }),
      sample("histograms and exemplars",
             [](MetricBatchOf& batch) {
               batch.sample({{"__name__", "c_total"}}, 5, 1);
               batch.histogram({{"__name__", "h"}}, 5, float_histogram());
               batch.histogram({{"__name__", "h"}}, 6, float_histogram());
               batch.exemplar({{"__name__", "c_total"}}, {{"trace_id", "x"}}, 1, 4);
             }),
  };
}

}  // namespace

TEST_CASE("remote write: keeps the component contract") {
  for (const char* options : {"url: http://prom/api/v1/write",
                              "url: http://prom/api/v1/write\ntenant: fixed\nsend_exemplars: true\n"
                              "send_native_histograms: true\nexternal_labels: {cluster: lab}"}) {
    CAPTURE(std::string(options));
    const PluginHarness harness(outputs_prometheus_remote_write_plugin, options);
    harness.check_options();
    testkit::OutputSubject subject;
    subject.samples = samples();
    if (std::string_view(options).find("histograms") == std::string_view::npos) {
      subject.samples.pop_back();  // its histograms are not sent then
    }
    subject.uncompress = [](std::string_view payload) { return uncompressed(payload); };
    subject.records = [](std::string_view payload) {
      return records_of(WriteVersion::v1, uncompressed(payload));
    };
    subject.reworks = {ReworkReason::too_large, ReworkReason::blame_source};
    subject.readings = {
        {FakeServer::status(413), Answer::Kind::too_large},
        {FakeServer::status(400), Answer::Kind::blame_source},
        {FakeServer::status(404), Answer::Kind::refused},
        {FakeServer::status(429, "", {{"retry-after", "7"}}), Answer::Kind::retry},
        {FakeServer::status(202), Answer::Kind::delivered},
    };
    subject.refused = FakeServer::status(400, "no");
    harness.check_output(subject);
  }
}

TEST_CASE("remote write 2.0: requests are taken apart, nothing missing") {
  Bench bench("protobuf_message: io.prometheus.write.v2.Request\nsend_exemplars: true\n");
  for (const testkit::Sample& sample : samples()) {
    sample.with(bench->lane(), [&](Batch& batch) { bench->append(batch); });
  }
  auto requests = bench->seal();
  REQUIRE(requests.size() == 1);
  const auto whole = records_of(WriteVersion::v2, uncompressed(requests[0].payload.view()));
  for (const ReworkReason reason : {ReworkReason::too_large, ReworkReason::blame_source}) {
    const auto rework = bench->output().rework(requests[0].view(), reason);
    REQUIRE(rework);
    std::vector<std::string> pieces;
    std::vector<Weight> left;
    for (const PartRange& part : requests[0].parts) {
      left.push_back(part.weight);
    }
    for (const ReworkedBody& body : rework->bodies) {
      CHECK(body.format_version == 2);
      for (size_t i = 0; i < body.parts.size(); ++i) {
        left[body.origin[i]] -= body.parts[i].weight;
      }
      for (auto& text : records_of(WriteVersion::v2, uncompressed(body.payload.view()))) {
        pieces.push_back(std::move(text));
      }
    }
    CHECK(pieces == whole);
    CHECK(left == std::vector<Weight>(left.size()));
  }
}
