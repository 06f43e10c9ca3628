#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tailrace/config_value.h"
#include "tailrace/plugin.h"

#include "config/agent_config.h"

/// Where forms of batches meet: which converters there are, their options, and the way of each
/// input's batches through a pipeline.
namespace tailrace::config {

using Converters = std::vector<const PluginDescriptor*>;

/// All converters of the table.
Converters converters_in(PluginTable plugins);
/// Those that give a form which this output takes; none for other kinds.
Converters converters_for(const PluginDescriptor& output, PluginTable plugins);
bool is_converter(const Converters& converters, std::string_view name) noexcept;

/// Reads the options of these converters, each under its name, from the map of an output or a
/// pipeline. What is not written has its defaults.
std::vector<ConversionConfig> read_conversions(const ConfigValue& map, const Converters& converters,
                                               ConfigContext& context);

/// A component that a pipeline names, and where it does.
struct Use {
  const ComponentConfig* component;
  ComponentKind kind;
  ConfigPosition position;
  std::string path;
};

/// Finds the way from each input of a pipeline (`uses` are its components, of its signal) through
/// its processors to its outputs, with a converter wherever the forms differ; a pipeline's own
/// converters take `conversions` for options. Where there is no converter that is an error.
std::vector<RouteConfig> find_routes(Signal signal, std::span<const Use> uses,
                                     std::span<const ConversionConfig> conversions,
                                     ConfigContext& context);

}  // namespace tailrace::config
