// The component contract, asserted.

#include <doctest/doctest.h>

#include "testkit/plugin_harness.h"

namespace tailrace {
extern const PluginDescriptor outputs_null_plugin;
}

using tailrace::outputs_null_plugin;
using tailrace::testkit::PluginHarness;

TEST_CASE("null: keeps the component contract") {
  const PluginHarness harness(outputs_null_plugin, "");
  harness.check_options();
  tailrace::testkit::OutputSubject subject;
  subject.over_network = false;
  harness.check_output(subject);
}
