#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "tailrace/config_schema.h"
#include "tailrace/converter.h"
#include "tailrace/input.h"
#include "tailrace/output.h"
#include "tailrace/processor.h"

namespace tailrace {

enum class ComponentKind : uint8_t { input, processor, output, converter };
const char* to_string(ComponentKind kind) noexcept;

enum class Stability : uint8_t { stable, beta, experimental };

/// A place that a component will listen on, so that `check` can find two on one port.
struct ListenAddress {
  std::string option;   // "listen"
  std::string address;  // "0.0.0.0:3101"
};

/// What `tailrace relabel` asks a component that has relabeling rules.
struct RelabelQuestion {
  std::string job;     ///< Of which job; "" = the only one.
  std::string target;  ///< `name="value", …` of a discovered target, or just its address; or "".
  std::string metric;  ///< `name{label="value", …}` of a sample; or "".
};

/// The form of each signal's batches where a plugin names none: LogBatch, MetricBatch, and
/// OtlpBatch for traces.
extern const BatchType* const kNativeForms[3];
/// In the place of a form: batches of whatever form.
extern const BatchType kAnyForm;

/// Everything the engine knows of a plugin before it runs. Made by define_input and its siblings.
struct PluginDescriptor {
  ComponentKind kind;
  std::string_view name;     ///< The `type:` in the config.
  std::string_view summary;  ///< One sentence.
  std::span<const Signal> signals;
  std::span<const BatchType* const> forms;  ///< See PluginInfo.
  Stability stability;
  bool reads_untrusted_input;
  const Schema& (*schema)();

  /// A config struct with its defaults, typed inside.
  std::shared_ptr<void> (*new_config)();
  /// Checks across options, after all were read. May be null.
  void (*validate)(const void* config, const ConfigValue& at, ConfigContext& context);
  std::vector<ListenAddress> (*listens)(const void* config);
  /// Those of `signals` that this config is for. May be null: all of them.
  std::vector<Signal> (*carries)(const void* config);
  /// Shows step by step what the rules do, as text for a person. May be null: it has none.
  Result<std::string> (*explain_relabel)(const void* config, const RelabelQuestion& question);

  // The one of its kind is set.
  Result<std::unique_ptr<Input>> (*make_input)(std::shared_ptr<const void>, InputContext&);
  Result<std::unique_ptr<Processor>> (*make_processor)(std::shared_ptr<const void>,
                                                       ProcessorContext&);
  Result<std::unique_ptr<Output>> (*make_output)(std::shared_ptr<const void>, OutputContext&);
  Result<std::unique_ptr<Converter>> (*make_converter)(std::shared_ptr<const void>,
                                                       ConverterContext&);

  // Of a converter. `forms` is the one that it gives.
  const BatchType* converts_from;
  uint32_t growth;  ///< See ConverterInfo.
};

struct PluginInfo {
  std::string_view name;
  std::string_view summary;
  std::span<const Signal> signals;
  Stability stability = Stability::beta;
  bool reads_untrusted_input = false;
  /// The forms of batches: one for each signal that an input gives; those that an output takes or a
  /// processor edits (it gives what it takes), the preferred one first.
  std::span<const BatchType* const> forms = kNativeForms;
};

struct ConverterInfo {
  /// The `name` is also the option, of an output or a pipeline, under which its options are
  /// written.
  std::string_view name;
  std::string_view summary;
  std::span<const Signal> signals;
  const BatchType* from = nullptr;
  /// What it gives: one form. As an array, because descriptors keep a view of it.
  std::span<const BatchType* const> to;
  /// How many times larger a unit may become: inputs are given credit for that much.
  uint32_t growth = 1;
  Stability stability = Stability::beta;
};

namespace detail {
template <class Config>
constexpr PluginDescriptor base_descriptor(ComponentKind kind, const PluginInfo& info,
                                           const Schema& (*schema)()) {
  PluginDescriptor d{};
  d.kind = kind;
  d.name = info.name;
  d.summary = info.summary;
  d.signals = info.signals;
  d.forms = info.forms;
  d.stability = info.stability;
  d.reads_untrusted_input = info.reads_untrusted_input;
  d.schema = schema;
  d.new_config = []() -> std::shared_ptr<void> { return std::make_shared<Config>(); };
  if constexpr (requires(const Config& c, const ConfigValue& at, ConfigContext& context) {
                  c.validate(at, context);
                }) {
    d.validate = [](const void* c, const ConfigValue& at, ConfigContext& context) {
      static_cast<const Config*>(c)->validate(at, context);
    };
  }
  if constexpr (requires(const Config& c) { c.listens(); }) {
    d.listens = [](const void* c) { return static_cast<const Config*>(c)->listens(); };
  }
  if constexpr (requires(const Config& c) { c.carries(); }) {
    d.carries = [](const void* c) { return static_cast<const Config*>(c)->carries(); };
  }
  if constexpr (requires(const Config& c, const RelabelQuestion& q) { c.explain_relabel(q); }) {
    d.explain_relabel = [](const void* c, const RelabelQuestion& question) {
      return static_cast<const Config*>(c)->explain_relabel(question);
    };
  }
  return d;
}
}  // namespace detail

/// `Class` has a constructor (std::shared_ptr<const Config>, InputContext&), or a static
/// `Result<std::unique_ptr<Input>> make(…)` with the same parameters where that can fail. A Config
/// may have `void validate(const ConfigValue& at, ConfigContext&) const`,
/// `std::vector<ListenAddress> listens() const`, `std::vector<Signal> carries() const` and
/// `Result<std::string> explain_relabel(const RelabelQuestion&) const`.
template <class Class, class Config>
constexpr PluginDescriptor define_input(const PluginInfo& info,
                                        const Schema& (*schema)()) noexcept {
  PluginDescriptor d = detail::base_descriptor<Config>(ComponentKind::input, info, schema);
  d.make_input = [](std::shared_ptr<const void> c,
                    InputContext& context) -> Result<std::unique_ptr<Input>> {
    auto config = std::static_pointer_cast<const Config>(std::move(c));
    if constexpr (requires { Class::make(config, context); }) {
      return Class::make(std::move(config), context);
    } else {
      return std::unique_ptr<Input>(std::make_unique<Class>(std::move(config), context));
    }
  };
  return d;
}

template <class Class, class Config>
constexpr PluginDescriptor define_processor(const PluginInfo& info,
                                            const Schema& (*schema)()) noexcept {
  PluginDescriptor d = detail::base_descriptor<Config>(ComponentKind::processor, info, schema);
  d.make_processor = [](std::shared_ptr<const void> c,
                        ProcessorContext& context) -> Result<std::unique_ptr<Processor>> {
    auto config = std::static_pointer_cast<const Config>(std::move(c));
    if constexpr (requires { Class::make(config, context); }) {
      return Class::make(std::move(config), context);
    } else {
      return std::unique_ptr<Processor>(std::make_unique<Class>(std::move(config), context));
    }
  };
  return d;
}

template <class Class, class Config>
constexpr PluginDescriptor define_output(const PluginInfo& info,
                                         const Schema& (*schema)()) noexcept {
  PluginDescriptor d = detail::base_descriptor<Config>(ComponentKind::output, info, schema);
  d.make_output = [](std::shared_ptr<const void> c,
                     OutputContext& context) -> Result<std::unique_ptr<Output>> {
    auto config = std::static_pointer_cast<const Config>(std::move(c));
    if constexpr (requires { Class::make(config, context); }) {
      return Class::make(std::move(config), context);
    } else {
      return std::unique_ptr<Output>(std::make_unique<Class>(std::move(config), context));
    }
  };
  return d;
}

/// `Class` has a constructor (std::shared_ptr<const Config>, ConverterContext&). Its options all
/// have defaults.
template <class Class, class Config>
constexpr PluginDescriptor define_converter(const ConverterInfo& info, const Schema& (*schema)()) {
  const PluginInfo plugin{.name = info.name,
                          .summary = info.summary,
                          .signals = info.signals,
                          .stability = info.stability,
                          .forms = info.to};
  PluginDescriptor d = detail::base_descriptor<Config>(ComponentKind::converter, plugin, schema);
  d.converts_from = info.from;
  d.growth = info.growth;
  d.make_converter = [](std::shared_ptr<const void> c,
                        ConverterContext& context) -> Result<std::unique_ptr<Converter>> {
    auto config = std::static_pointer_cast<const Config>(std::move(c));
    return std::unique_ptr<Converter>(std::make_unique<Class>(std::move(config), context));
  };
  return d;
}

}  // namespace tailrace
