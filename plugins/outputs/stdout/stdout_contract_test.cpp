// The component contract, asserted.

#include <cstdio>
#include <string>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include "testkit/plugin_harness.h"

namespace tailrace {
extern const PluginDescriptor outputs_stdout_plugin;
}

using tailrace::outputs_stdout_plugin;
using tailrace::testkit::PluginHarness;

namespace {

/// Standard output goes nowhere meanwhile.
class NoStdout {
 public:
  NoStdout() : before_(dup(STDOUT_FILENO)) {
    std::fflush(stdout);
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDOUT_FILENO);
    close(nowhere);
  }
  ~NoStdout() {
    dup2(before_, STDOUT_FILENO);
    close(before_);
  }
  NoStdout(const NoStdout&) = delete;
  NoStdout& operator=(const NoStdout&) = delete;

 private:
  int before_;
};

}  // namespace

TEST_CASE("stdout: keeps the component contract") {
  for (const char* options : {"format: human", "format: json", "format: raw"}) {
    CAPTURE(std::string(options));
    const PluginHarness harness(outputs_stdout_plugin, options);
    harness.check_options();
    tailrace::testkit::OutputSubject subject;
    subject.over_network = false;
    const NoStdout meanwhile;
    harness.check_output(subject);
  }
}
