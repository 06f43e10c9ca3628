#pragma once

#include <span>

#include "tailrace/plugin.h"

namespace tailrace {

/// Every plugin that was linked in, in the order of their folders.
std::span<const PluginDescriptor* const> plugin_table();

}  // namespace tailrace
