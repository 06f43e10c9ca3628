#pragma once

#include <span>

#include "tailrace/plugin.h"

namespace tailrace::contract {

/// The test-only plugins: two signals and two protocols that the engine has never heard of. They
/// are compiled against include/tailrace alone.
extern const PluginDescriptor inputs_rows_plugin;
extern const PluginDescriptor outputs_rows_plugin;
extern const PluginDescriptor inputs_opaque_plugin;
extern const PluginDescriptor outputs_opaque_plugin;

/// All of them, for config::load_text.
std::span<const PluginDescriptor* const> plugins();

}  // namespace tailrace::contract
