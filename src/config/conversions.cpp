#include "config/conversions.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace tailrace::config {
namespace {

/// The forms of this signal that a component takes or gives; kAnyForm counts for every signal.
std::vector<const BatchType*> forms_of(const PluginDescriptor& plugin, Signal signal) {
  std::vector<const BatchType*> forms;
  for (const BatchType* form : plugin.forms) {
    if (form->signal == signal || form == &kAnyForm) {
      forms.push_back(form);
    }
  }
  return forms;
}

std::string form_names(const std::vector<const BatchType*>& forms) {
  std::vector<std::string_view> names;
  for (const BatchType* form : forms) {
    names.emplace_back(form->name);
  }
  return fmt::format("{}", fmt::join(names, " or "));
}

/// Goes from one component of a pipeline to the next.
class Walk {
 public:
  Walk(Signal signal, std::span<const ConversionConfig> conversions, ConfigContext& context)
      : signal_(signal), conversions_(conversions), context_(context) {}

  RouteConfig route(const Use& input, std::span<const Use> uses) {
    RouteConfig route;
    route.form = form_given(*input.component->plugin, signal_);
    const BatchType* form = route.form;
    for (const Use& use : uses) {
      if (use.kind == ComponentKind::processor) {
        route.to_processors.push_back(conversion(form, use, conversions_));
        form = route.to_processors.back().plugin != nullptr
                   ? route.to_processors.back().plugin->forms[0]
                   : form;
      }
    }
    for (const Use& use : uses) {
      if (use.kind == ComponentKind::output) {
        route.to_outputs.push_back(conversion(form, use, use.component->conversions));
      }
    }
    return route;
  }

 private:
  /// What must stand between batches of `form` and a component; nothing if it takes them.
  ConversionConfig conversion(const BatchType* form, const Use& to,
                              std::span<const ConversionConfig> known) {
    const auto taken = forms_of(*to.component->plugin, signal_);
    const auto fits = [form](const BatchType* other) {
      return other == form || other == &kAnyForm || form == &kAnyForm;
    };
    if (taken.empty() || std::ranges::any_of(taken, fits)) {
      return {};
    }
    for (const BatchType* wanted : taken) {
      for (const ConversionConfig& candidate : known) {
        if (candidate.plugin->converts_from == form && candidate.plugin->forms[0] == wanted) {
          return candidate;
        }
      }
    }
    report(form, to, taken);
    return {};
  }

  void report(const BatchType* form, const Use& to, const std::vector<const BatchType*>& taken) {
    std::vector<std::string> possible;
    for (const ConversionConfig& known : conversions_) {
      if (known.plugin->converts_from == form) {
        possible.push_back(
            fmt::format("{} makes {}", known.plugin->name, known.plugin->forms[0]->name));
      }
    }
    context_.issues.add(
        to.position, to.path,
        fmt::format("\"{}\" (type {}) takes {} in the form {}, and here they come in the form {}",
                    to.component->name, to.component->plugin->name, to_string(signal_),
                    form_names(taken), form->name),
        possible.empty() ? fmt::format("there is no conversion of {}", form->name)
                         : fmt::format("there is no such conversion of {}; {}", form->name,
                                       fmt::join(possible, ", ")));
  }

  Signal signal_;
  std::span<const ConversionConfig> conversions_;
  ConfigContext& context_;
};

}  // namespace

const BatchType* form_given(const PluginDescriptor& input, Signal signal) noexcept {
  for (const BatchType* form : input.forms) {
    if (form->signal == signal || form == &kAnyForm) {
      return form;
    }
  }
  return &kAnyForm;
}

Converters converters_in(PluginTable plugins) {
  Converters found;
  for (const PluginDescriptor* plugin : plugins) {
    if (plugin->kind == ComponentKind::converter) {
      found.push_back(plugin);
    }
  }
  return found;
}

Converters converters_for(const PluginDescriptor& output, PluginTable plugins) {
  Converters found;
  if (output.kind == ComponentKind::output) {
    for (const PluginDescriptor* converter : converters_in(plugins)) {
      if (std::ranges::find(output.forms, converter->forms[0]) != output.forms.end() &&
          std::ranges::find(output.signals, converter->forms[0]->signal) != output.signals.end()) {
        found.push_back(converter);
      }
    }
  }
  return found;
}

bool is_converter(const Converters& converters, std::string_view name) noexcept {
  return std::ranges::find(converters, name, &PluginDescriptor::name) != converters.end();
}

std::vector<ConversionConfig> read_conversions(const ConfigValue& map, const Converters& converters,
                                               ConfigContext& context) {
  std::vector<ConversionConfig> conversions;
  for (const PluginDescriptor* converter : converters) {
    ConversionConfig& conversion = conversions.emplace_back();
    conversion.plugin = converter;
    const std::shared_ptr<void> config = converter->new_config();
    conversion.config = config;
    if (const ConfigValue* written = map.find(converter->name); written != nullptr) {
      conversion.position = written->position;
      const std::string path =
          std::exchange(context.path, fmt::format("{}.{}", context.path, converter->name));
      if (converter->schema().read(*written, config.get(), context) &&
          converter->validate != nullptr) {
        converter->validate(config.get(), *written, context);
      }
      context.path = path;
    }
  }
  return conversions;
}

std::vector<RouteConfig> find_routes(Signal signal, std::span<const Use> uses,
                                     std::span<const ConversionConfig> conversions,
                                     ConfigContext& context) {
  std::vector<RouteConfig> routes;
  for (const Use& use : uses) {
    if (use.kind != ComponentKind::input) {
      continue;
    }
    const BatchType* form = form_given(*use.component->plugin, signal);
    const bool is_new = std::ranges::find(routes, form, &RouteConfig::form) == routes.end();
    if (is_new) {
      routes.push_back(Walk(signal, conversions, context).route(use, uses));
    }
  }
  return routes;
}

}  // namespace tailrace::config
