#pragma once

#include <memory>

#include "testkit/plugin_harness.h"

namespace tailrace::testkit {

/// Part of PluginHarness::check_output: the output on the engine's queue and sender, with a server
/// and a spool that the harness plays.
void check_delivery(const PluginDescriptor& plugin, const std::shared_ptr<const void>& config,
                    const OutputSubject& subject);

}  // namespace tailrace::testkit
