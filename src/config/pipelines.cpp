#include "config/pipelines.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "config/agent_schema.h"
#include "config/components.h"
#include "config/conversions.h"
#include "config/option_codecs.h"
#include "config/suggest.h"

namespace tailrace::config {
namespace {

constexpr Signal kSignals[] = {Signal::logs, Signal::metrics, Signal::traces};

/// A small set of signals.
class SignalSet {
 public:
  static SignalSet all() {
    SignalSet set;
    for (const Signal signal : kSignals) {
      set.add(signal);
    }
    return set;
  }
  static SignalSet of(std::span<const Signal> signals) {
    SignalSet set;
    for (const Signal signal : signals) {
      set.add(signal);
    }
    return set;
  }
  void add(Signal signal) { bits_ |= 1U << static_cast<unsigned>(signal); }
  bool has(Signal signal) const { return (bits_ >> static_cast<unsigned>(signal) & 1U) != 0; }
  void keep(const SignalSet& other) { bits_ &= other.bits_; }

  std::vector<Signal> list() const {
    std::vector<Signal> out;
    for (const Signal signal : kSignals) {
      if (has(signal)) {
        out.push_back(signal);
      }
    }
    return out;
  }
  std::string text() const {
    std::vector<std::string> names;
    for (const Signal signal : list()) {
      names.emplace_back(to_string(signal));
    }
    return fmt::format("{}", fmt::join(names, " or "));
  }

 private:
  unsigned bits_ = 0;
};

/// What a pipeline is likely to carry that is called `traces-audit`.
Signal likely_signal(std::string_view name, const std::vector<Signal>& candidates) {
  const auto within = std::ranges::find_if(candidates, [&](Signal signal) {
    return name.find(to_string(signal)) != std::string_view::npos;
  });
  return within == candidates.end() ? candidates[0] : *within;
}

const std::vector<ComponentConfig>& components_of(const AgentConfig& config, ComponentKind kind) {
  switch (kind) {
    case ComponentKind::input:
      return config.inputs;
    case ComponentKind::processor:
      return config.processors;
    case ComponentKind::converter:  // nobody names one in a section of its own
    case ComponentKind::output:
      break;
  }
  return config.outputs;
}

const ComponentConfig* find(const std::vector<ComponentConfig>& list, std::string_view name) {
  for (const auto& component : list) {
    if (component.name == name) {
      return &component;
    }
  }
  return nullptr;
}

class PipelineReader {
 public:
  PipelineReader(PluginTable plugins, const AgentConfig& config, ConfigContext& context)
      : converters_(converters_in(plugins)), config_(config), context_(context) {}

  PipelineConfig read(const ConfigValue::Member& member) {
    PipelineConfig pipeline;
    pipeline.name = member.key;
    pipeline.position = member.key_position;
    context_.path = "pipelines." + member.key;
    if (!is_good_name(member.key)) {
      context_.issues.add(member.key_position, context_.path, "not a good name", kNameRule);
    }
    PipelineSection section;
    const size_t errors_before = context_.issues.issues().size();
    std::vector<std::string> not_own;
    for (const PluginDescriptor* converter : converters_) {
      not_own.emplace_back(converter->name);
    }
    const bool readable = pipeline_schema().read(member.value, &section, context_, not_own);
    const auto conversions = read_conversions(member.value, converters_, context_);
    uses_.clear();
    resolve(ComponentKind::input, section.inputs, member.value, pipeline.inputs);
    resolve(ComponentKind::processor, section.processors, member.value, pipeline.processors);
    resolve(ComponentKind::output, section.outputs, member.value, pipeline.outputs);
    // What the signal is can only be told of a pipeline whose parts are all known.
    if (readable && context_.issues.issues().size() == errors_before) {
      if (find_signal(section, pipeline)) {
        pipeline.routes = find_routes(pipeline.signal, uses_, conversions, context_);
        warn_of_unused_options(conversions, pipeline);
      }
    }
    return pipeline;
  }

  void warn_of_unused() {
    for (const ComponentKind kind :
         {ComponentKind::input, ComponentKind::processor, ComponentKind::output}) {
      for (const ComponentConfig& component : components_of(config_, kind)) {
        if (!is_used(component)) {
          context_.issues.warn(component.position, section_name(kind) + "." + component.name,
                               "is in no pipeline and will not be started");
        }
      }
    }
  }

  /// Options of outputs for a conversion that happens in none of these pipelines, which are all.
  void warn_of_unused_options(const std::vector<PipelineConfig>& pipelines) {
    if (!context_.issues.issues().empty()) {
      return;  // some could not be read
    }
    for (const ComponentConfig& output : config_.outputs) {
      for (const ConversionConfig& conversion : output.conversions) {
        const bool used = std::ranges::any_of(pipelines, [&](const PipelineConfig& pipeline) {
          return converts_for(pipeline, output, *conversion.plugin);
        });
        if (conversion.position.line > 0 && is_used(output) && !used) {
          context_.issues.warn(conversion.position,
                               fmt::format("outputs.{}.{}", output.name, conversion.plugin->name),
                               "has no effect: this output needs this conversion in no pipeline",
                               "where a processor needs it, the options belong to the pipeline");
        }
      }
    }
  }

 private:
  bool is_used(const ComponentConfig& component) const {
    return std::ranges::find(used_, &component) != used_.end();
  }

  static bool converts_for(const PipelineConfig& pipeline, const ComponentConfig& output,
                           const PluginDescriptor& converter) {
    const auto at = std::ranges::find(pipeline.outputs, output.name);
    return at != pipeline.outputs.end() &&
           std::ranges::any_of(pipeline.routes, [&](const RouteConfig& route) {
             return route.to_outputs[static_cast<size_t>(at - pipeline.outputs.begin())].plugin ==
                    &converter;
           });
  }

  /// Finds the components that a list names.
  void resolve(ComponentKind kind, const StringList& names, const ConfigValue& pipeline,
               std::vector<std::string>& out) {
    const ConfigValue* written = pipeline.find(section_name(kind));
    if (written == nullptr) {
      return;
    }
    const std::string path = context_.path + "." + section_name(kind);
    if (names.empty() && written->kind == ConfigValue::Kind::list &&
        kind != ComponentKind::processor) {
      context_.issues.add(written->position, path,
                          fmt::format("a pipeline needs at least one {}", to_string(kind)));
    }
    for (size_t i = 0; i < names.size(); ++i) {
      const bool listed = written->kind == ConfigValue::Kind::list;
      const ConfigPosition position = listed ? written->items[i].position : written->position;
      const std::string item_path = listed ? fmt::format("{}[{}]", path, i) : path;
      const ComponentConfig* component = find(components_of(config_, kind), names[i]);
      if (component == nullptr) {
        const bool secret = listed ? written->items[i].secret : written->secret;
        report_undefined(kind, names[i], secret, position, item_path);
        continue;
      }
      if (std::find(out.begin(), out.end(), names[i]) != out.end()) {
        context_.issues.add(position, item_path, fmt::format("\"{}\" is named twice", names[i]));
        continue;
      }
      out.push_back(names[i]);
      used_.push_back(component);
      uses_.push_back({component, kind, position, item_path});
    }
  }

  void report_undefined(ComponentKind kind, const std::string& name, bool secret,
                        ConfigPosition position, const std::string& path) {
    std::string hint;
    for (const ComponentKind other :
         {ComponentKind::input, ComponentKind::processor, ComponentKind::output}) {
      if (other != kind && find(components_of(config_, other), name) != nullptr) {
        hint = fmt::format("it is one of the {}", section_name(other));
      }
    }
    if (hint.empty() && !secret) {
      std::vector<std::string> known;
      for (const auto& component : components_of(config_, kind)) {
        known.push_back(component.name);
      }
      hint = suggest(name, known);
    }
    const std::string shown = secret ? "<secret>" : fmt::format("\"{}\"", name);
    context_.issues.add(position, path, fmt::format("no {} is named {}", to_string(kind), shown),
                        hint);
  }

  /// Options of a conversion that does not happen in this pipeline.
  void warn_of_unused_options(const std::vector<ConversionConfig>& conversions,
                              const PipelineConfig& pipeline) {
    for (const ConversionConfig& conversion : conversions) {
      const bool used = std::ranges::any_of(pipeline.routes, [&](const RouteConfig& route) {
        return std::ranges::find(route.to_processors, conversion.plugin,
                                 &ConversionConfig::plugin) != route.to_processors.end();
      });
      if (conversion.position.line > 0 && !used) {
        context_.issues.warn(conversion.position,
                             fmt::format("{}.{}", context_.path, conversion.plugin->name),
                             "has no effect: no processor of this pipeline needs this conversion",
                             "where an output needs it, the options belong to the output");
      }
    }
  }

  /// What a component carries the way it is set up.
  static SignalSet carried_by(const ComponentConfig& component) {
    const PluginDescriptor& plugin = *component.plugin;
    const auto carried = plugin.carries != nullptr && component.config
                             ? plugin.carries(component.config.get())
                             : std::vector<Signal>();
    // None: it is not set up at all, which was reported.
    return SignalSet::of(carried.empty() ? plugin.signals : std::span<const Signal>(carried));
  }

  /// The signal is the one that inputs and outputs share, unless the pipeline says it; where they
  /// share several, the pipeline's name may say it. False when there is none, or a component does
  /// not carry it.
  bool find_signal(const PipelineSection& section, PipelineConfig& pipeline) {
    SignalSet inputs = SignalSet::all();
    SignalSet outputs = SignalSet::all();
    for (const Use& use : uses_) {
      if (use.component->plugin == nullptr) {
        return false;  // its type is unknown, which was reported
      }
      const SignalSet own = carried_by(*use.component);
      if (use.kind == ComponentKind::input) {
        inputs.keep(own);
      } else if (use.kind == ComponentKind::output) {
        outputs.keep(own);
      }
    }
    if (section.signal) {
      pipeline.signal = *section.signal;
    } else {
      inputs.keep(outputs);
      if (!choose_signal(inputs, pipeline)) {
        return false;
      }
    }
    bool all_carry_it = true;
    for (const Use& use : uses_) {
      const SignalSet own = carried_by(*use.component);
      if (!own.has(pipeline.signal)) {
        all_carry_it = false;
        context_.issues.add(use.position, use.path,
                            fmt::format("\"{}\" (type {}) {} {}, and this pipeline carries {}",
                                        use.component->name, use.component->plugin->name,
                                        use.kind == ComponentKind::input ? "gives" : "takes",
                                        own.text(), to_string(pipeline.signal)));
      }
    }
    return all_carry_it;
  }

  /// Of those that inputs and outputs share. A pipeline that is called `traces` carries traces.
  bool choose_signal(const SignalSet& shared, PipelineConfig& pipeline) {
    const auto candidates = shared.list();
    const auto is_its_name = [&](Signal signal) { return pipeline.name == to_string(signal); };
    if (candidates.empty()) {
      context_.issues.add(pipeline.position, context_.path,
                          "inputs and outputs have no signal in common", gives_and_takes());
      return false;
    }
    if (const auto named = std::ranges::find_if(candidates, is_its_name);
        named != candidates.end()) {
      pipeline.signal = *named;
      return true;
    }
    if (std::ranges::any_of(kSignals, is_its_name)) {
      context_.issues.add(
          pipeline.position, context_.path,
          fmt::format("it is called {}, and could only carry {}: {}", pipeline.name, shared.text(),
                      gives_and_takes()),
          fmt::format("say `signal: {}` if that is meant", to_string(candidates[0])));
      return false;
    }
    if (candidates.size() > 1) {
      context_.issues.add(pipeline.position, context_.path,
                          fmt::format("this pipeline could carry {}", shared.text()),
                          fmt::format("say which: `signal: {}`",
                                      to_string(likely_signal(pipeline.name, candidates))));
      return false;
    }
    pipeline.signal = candidates[0];
    return true;
  }

  /// Which signals the inputs of the pipeline in work give, and its outputs take.
  std::string gives_and_takes() const {
    std::string parts;
    for (const Use& use : uses_) {
      if (use.kind != ComponentKind::processor) {
        parts += fmt::format("{}{} {} {}", parts.empty() ? "" : ", ", use.component->name,
                             use.kind == ComponentKind::input ? "gives" : "takes",
                             carried_by(*use.component).text());
      }
    }
    return parts;
  }

  const Converters converters_;
  const AgentConfig& config_;
  ConfigContext& context_;
  std::vector<Use> uses_;  // of the pipeline in work
  std::vector<const ComponentConfig*> used_;
};

}  // namespace

std::vector<PipelineConfig> read_pipelines(const ConfigValue& section, PluginTable plugins,
                                           const AgentConfig& config, ConfigContext& context) {
  std::vector<PipelineConfig> pipelines;
  context.path = "pipelines";
  if (section.kind != ConfigValue::Kind::map && section.kind != ConfigValue::Kind::null) {
    context.fail(section,
                 fmt::format("expected a map of names to pipelines, got {}", describe(section)));
    return pipelines;
  }
  if (section.members.empty()) {
    context.fail(section, "no pipeline is defined",
                 "join inputs and outputs by name: `logs: {inputs: [pods], outputs: [loki]}`");
    return pipelines;
  }
  PipelineReader reader(plugins, config, context);
  for (const auto& member : section.members) {
    pipelines.push_back(reader.read(member));
  }
  reader.warn_of_unused();
  reader.warn_of_unused_options(pipelines);
  return pipelines;
}

}  // namespace tailrace::config
