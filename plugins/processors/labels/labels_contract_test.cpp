// The component contract, asserted.

#include <string>

#include <doctest/doctest.h>

#include "testkit/plugin_harness.h"

namespace tailrace {
extern const PluginDescriptor processors_labels_plugin;
}

using tailrace::processors_labels_plugin;
using tailrace::testkit::PluginHarness;

TEST_CASE("labels: keeps the component contract") {
  for (const char* options : {
           "add: {cluster: lab}",
           "drop: [stream]\nrename: {pod: instance}\nadd: {cluster: lab, container: other}",
           "keep: [namespace]\nextract:\n  - {from: pod, regex: \"^(?P<app>[a-z]+)-\"}",
       }) {
    CAPTURE(std::string(options));
    const PluginHarness harness(processors_labels_plugin, options);
    harness.check_options();
    harness.check_processor();
  }
}
