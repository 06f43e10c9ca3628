// The component contract, asserted.

#include <string>

#include <doctest/doctest.h>

#include "testkit/plugin_harness.h"

namespace tailrace {
extern const PluginDescriptor processors_json_plugin;
}

using tailrace::processors_json_plugin;
using tailrace::testkit::PluginHarness;

TEST_CASE("json: keeps the component contract") {
  for (const char* options : {
           "severity:",
           "labels: {level: level}\nmetadata: {number: n, nested: a.b, error: err.code}\n"
           "timestamp: {field: time}\nseverity: {fields: [level]}\nmessage_only: true",
       }) {
    CAPTURE(std::string(options));
    const PluginHarness harness(processors_json_plugin, options);
    harness.check_options();
    harness.check_processor();
  }
}
