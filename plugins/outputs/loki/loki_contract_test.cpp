// The component contract, asserted.

#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "codec/snappy.h"
#include "plugins/outputs/loki/loki_test.h"
#include "testkit/plugin_harness.h"

using tailrace::Answer;
using tailrace::outputs_loki_plugin;
using tailrace::testkit::FakeServer;
using tailrace::testkit::PluginHarness;

namespace {

std::vector<std::string> records(std::string_view payload) {
  std::vector<std::string> texts;
  for (const auto& entry : tailrace::outputs::loki::test::entries_of(payload)) {
    texts.push_back(fmt::format("{} {} {}", entry.labels, entry.timestamp, entry.line));
    for (const auto& [name, value] : entry.metadata) {
      texts.back() += fmt::format(" {}={}", name, value);
    }
  }
  return texts;
}

}  // namespace

TEST_CASE("loki: keeps the component contract") {
  for (const char* options : {
           "url: http://loki:3100/loki/api/v1/push",
           "url: http://loki:3100/loki/api/v1/push\ntenant: fixed\ncompression: none\n"
           "labels: {cluster: lab, zone: \"a\\\"b\"}",
       }) {
    CAPTURE(std::string(options));
    const PluginHarness harness(outputs_loki_plugin, options);
    harness.check_options();
    tailrace::testkit::OutputSubject subject;
    subject.uncompress = tailrace::outputs::loki::test::uncompressed;
    subject.records = records;
    subject.reworks = {tailrace::ReworkReason::too_large, tailrace::ReworkReason::blame_source};
    subject.readings = {
        {FakeServer::status(413, "too big"), Answer::Kind::too_large},
        {FakeServer::status(400, "no"), Answer::Kind::blame_source},
        {FakeServer::status(429, "", {{"retry-after", "7"}}), Answer::Kind::retry},
        {FakeServer::status(202), Answer::Kind::delivered},
    };
    subject.refused = FakeServer::status(400, "no");
    harness.check_output(subject);
  }
}
