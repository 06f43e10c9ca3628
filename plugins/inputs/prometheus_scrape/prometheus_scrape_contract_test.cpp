// The component contract, asserted as far as it speaks of all inputs. What check_input() wants (the
// records that were made, and no others) a scrape cannot give: each brings its reports along, and
// what the cache remembers is accounted memory. The engine's books are checked in tests/e2e.

#include <doctest/doctest.h>

#include "tailrace/plugin.h"

#include "testkit/plugin_harness.h"

namespace tailrace {
extern const PluginDescriptor inputs_prometheus_scrape_plugin;
}

TEST_CASE("prometheus_scrape: keeps the contract of options") {
  tailrace::testkit::PluginHarness harness(
      tailrace::inputs_prometheus_scrape_plugin,
      "scrape_configs: [{job_name: app, static_configs: [{targets: [\"a:80\"]}]}]");
  harness.check_options();
}
