// The component contract, asserted.

#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "testkit/plugin_harness.h"
#include "testkit/temp_folder.h"

namespace tailrace {
extern const PluginDescriptor outputs_file_plugin;
}

using tailrace::outputs_file_plugin;
using tailrace::testkit::PluginHarness;

TEST_CASE("file: keeps the component contract") {
  for (const char* format : {"raw", "json", "human"}) {
    CAPTURE(std::string(format));
    const tailrace::testkit::TempFolder folder;
    const PluginHarness harness(
        outputs_file_plugin,
        fmt::format("path: {}\nformat: {}\nmax_size: 64KiB", folder.path("out.log"), format));
    harness.check_options();
    tailrace::testkit::OutputSubject subject;
    subject.over_network = false;
    harness.check_output(subject);
  }
}
