// The component contract, asserted.

#include <string>

#include <doctest/doctest.h>

#include "testkit/plugin_harness.h"

namespace tailrace {
extern const PluginDescriptor processors_filter_plugin;
}

using tailrace::processors_filter_plugin;
using tailrace::testkit::PluginHarness;

TEST_CASE("filter: keeps the component contract") {
  for (const char* options : {
           "drop:\n  - severity_below: warn",
           "keep:\n  - line_regex: \"level|hello|^$\"",
           "drop:\n  - contains: [\"GET\", \"\\\"level\\\":\"]\n  - labels: {namespace: shop}\n"
           "    line_regex: \"^\\\\s*$\"",
       }) {
    CAPTURE(std::string(options));
    const PluginHarness harness(processors_filter_plugin, options);
    harness.check_options();
    harness.check_processor();
  }
}
