// The component contract, asserted.

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "testkit/http_clients.h"
#include "testkit/line_plugins.h"
#include "testkit/plugin_harness.h"

namespace tailrace {
extern const PluginDescriptor inputs_loki_push_plugin;
}

using tailrace::inputs_loki_push_plugin;
using tailrace::testkit::FakeServer;
using tailrace::testkit::PluginHarness;

namespace {

std::string pushed_line(int number) {
  return fmt::format(
      R"({{"streams": [{{"stream": {{"app": "a{}"}}, "values": [["{}", "{}{}"]]}}]}})", number % 5,
      1'700'000'000'000'000'000 + number, number, std::string(2000, ' '));
}

}  // namespace

TEST_CASE("loki_push: keeps the component contract") {
  // Each pushes a line.
  tailrace::testkit::HttpClients clients(
      "/loki/api/v1/push", tailrace::Headers{{"content-type", "application/json"}}, pushed_line);
  const PluginHarness harness(inputs_loki_push_plugin,
                              "listen: \"127.0.0.1:0\"\nreply_timeout: 5m");
  harness.check_options();
  tailrace::testkit::InputSubject subject;
  clients.serve(subject);
  subject.taken = [](const FakeServer& server) {
    std::vector<int> numbers;
    for (const std::string& line : tailrace::testkit::taken_lines(server, "http://out/")) {
      numbers.push_back(std::stoi(line));
    }
    return numbers;
  };
  subject.many = 1500;
  harness.check_input(subject);
}
