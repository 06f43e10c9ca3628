#include "config/components.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "config/agent_schema.h"
#include "config/conversions.h"
#include "config/listen_address.h"
#include "config/option_codecs.h"
#include "config/suggest.h"
#include "config/units.h"

namespace tailrace::config {
namespace {

constexpr size_t kMaxNameBytes = 64;

std::vector<std::string> names_of(const Schema& schema) {
  std::vector<std::string> names;
  for (const auto& row : schema.rows()) {
    names.push_back(row.name);
  }
  return names;
}

const char* with_article(ComponentKind kind) {
  switch (kind) {
    case ComponentKind::input:
      return "an input";
    case ComponentKind::processor:
      return "a processor";
    case ComponentKind::converter:
      return "a converter";
    case ComponentKind::output:
      break;
  }
  return "an output";
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Processors of the OpenTelemetry Collector that have no counterpart here, as nobody needs them.
std::string_view why_not_needed(std::string_view processor) {
  if (processor == "batch") {
    return "leave it out: outputs gather batches by themselves (their option `batch`)";
  }
  if (processor == "memory_limiter") {
    return "leave it out: `agent.memory_limit` holds for the whole agent";
  }
  return {};
}

/// Finds the plugin that `type:` names, or says what is wrong.
const PluginDescriptor* find_plugin(ComponentKind kind, const ConfigValue& component,
                                    PluginTable plugins, ConfigContext& context) {
  std::vector<std::string> known;
  for (const PluginDescriptor* plugin : plugins) {
    if (plugin->kind == kind) {
      known.emplace_back(plugin->name);
    }
  }
  const ConfigValue* type = component.find("type");
  if (type == nullptr) {
    context.issues.add(component.position, context.path + ".type", "is required",
                       fmt::format("known: {}", fmt::join(known, ", ")));
    return nullptr;
  }
  const std::string path = std::exchange(context.path, context.path + ".type");
  const PluginDescriptor* found = nullptr;
  std::string hint;
  for (const PluginDescriptor* plugin : plugins) {
    if (type->kind == ConfigValue::Kind::scalar && plugin->name == type->scalar) {
      if (plugin->kind == kind) {
        found = plugin;
      } else if (hint.empty()) {
        hint = fmt::format("{} is {} type", plugin->name, with_article(plugin->kind));
      }
    }
  }
  if (found == nullptr) {
    if (hint.empty() && kind == ComponentKind::processor) {
      hint = why_not_needed(type->scalar);
    }
    if (hint.empty() && !type->secret) {
      hint = suggest(type->scalar, known);
    }
    context.fail(
        *type, fmt::format("expected the type of {}, got {}", with_article(kind), describe(*type)),
        hint);
  }
  context.path = path;
  return found;
}

/// The plugin's own options, and for an output the ones that all outputs share, from one map.
void read_options(const ConfigValue& map, ComponentConfig& component, PluginTable plugins,
                  ConfigContext& context) {
  const Schema& own_schema = component.plugin->schema();
  const std::vector<std::string> own = names_of(own_schema);
  std::vector<std::string> shared;
  if (component.plugin->kind == ComponentKind::output) {
    shared = names_of(output_engine_schema());
  }
  const auto converters = converters_for(*component.plugin, plugins);
  std::vector<std::string> not_own = {"type"};
  std::vector<std::string> not_shared = {"type"};
  bool ok = true;
  for (const auto& member : map.members) {
    const bool is_own = contains(own, member.key);
    const bool is_shared = contains(shared, member.key);
    if (!is_own) {
      not_own.push_back(member.key);
    }
    if (!is_shared) {
      not_shared.push_back(member.key);
    }
    if (!is_own && !is_shared && member.key != "type" && !is_converter(converters, member.key)) {
      std::vector<std::string> known = own;
      known.insert(known.end(), shared.begin(), shared.end());
      for (const PluginDescriptor* converter : converters) {
        known.emplace_back(converter->name);
      }
      context.issues.add(member.key_position, context.path + "." + member.key, "unknown option",
                         suggest(member.key, known));
      ok = false;
    }
  }
  component.config = component.plugin->new_config();
  ok = own_schema.read(map, component.config.get(), context, not_own) && ok;
  component.conversions = read_conversions(map, converters, context);
  if (component.plugin->kind == ComponentKind::output &&
      output_engine_schema().read(map, &component.output, context, not_shared)) {
    const OutputEngineConfig& engine = component.output;
    const ConfigValue* batch = map.find("batch");
    const ConfigValue* bytes = batch != nullptr ? batch->find("bytes") : nullptr;
    if (bytes != nullptr && engine.batch_bytes > engine.memory) {
      context.issues.add(bytes->position, context.path + ".batch.bytes",
                         fmt::format("must not be larger than buffer.memory, which is {}",
                                     print_size(engine.memory)));
    }
    if (engine.min_backoff > engine.max_backoff) {
      context.issues.add(component.position, context.path,
                         "retry.min_backoff must not be longer than retry.max_backoff");
    }
  }
  if (!ok) {
    component.config.reset();  // half-read options would only lead to errors that are none
  } else if (component.plugin->validate != nullptr) {
    component.plugin->validate(component.config.get(), map, context);
  }
}

/// What was written for an option that may be nested ("http.listen"); null when nothing was.
const ConfigValue* find_option(const ConfigValue* value, std::string_view option) {
  while (value != nullptr && !option.empty()) {
    const size_t dot = option.find('.');
    value = value->find(option.substr(0, dot));
    option = dot == std::string_view::npos ? std::string_view() : option.substr(dot + 1);
  }
  return value;
}

/// That something is no place to listen on, and what may have been meant.
void report_listen(const ConfigValue* written, const std::string& address, ConfigPosition position,
                   std::string path, ConfigIssues& issues) {
  const bool secret = written != nullptr && written->secret;
  const bool only_port = !secret && parse_listen(":" + address).has_value();
  issues.add(position, std::move(path),
             secret ? std::string("expected an address such as 0.0.0.0:3100")
                    : fmt::format("expected an address such as 0.0.0.0:3100, got \"{}\"", address),
             only_port ? fmt::format("did you mean \"0.0.0.0:{}\"?", address) : std::string());
}

struct Listener {
  std::string path;
  std::string address;
  ConfigPosition position;
  Listen listen;
};

}  // namespace

std::string section_name(ComponentKind kind) {
  return std::string(to_string(kind)) + "s";
}

bool is_good_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && name.size() <= kMaxNameBytes && is_letter(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-'; });
}

std::vector<ComponentConfig> read_components(ComponentKind kind, const ConfigValue& section,
                                             PluginTable plugins, ConfigContext& context) {
  std::vector<ComponentConfig> components;
  context.path = section_name(kind);
  if (section.kind == ConfigValue::Kind::null) {
    return components;
  }
  if (section.kind != ConfigValue::Kind::map) {
    context.fail(section, fmt::format("expected a map of names to {}, got {}", section_name(kind),
                                      describe(section)));
    return components;
  }
  for (const auto& member : section.members) {
    ComponentConfig& component = components.emplace_back();
    component.name = member.key;
    component.position = member.key_position;
    context.path = section_name(kind) + "." + member.key;
    if (!is_good_name(member.key)) {
      context.issues.add(member.key_position, context.path, "not a good name", kNameRule);
    }
    if (member.value.kind != ConfigValue::Kind::map) {
      context.fail(member.value,
                   fmt::format("expected a map with a type, got {}", describe(member.value)));
      continue;
    }
    component.plugin = find_plugin(kind, member.value, plugins, context);
    if (component.plugin != nullptr) {
      read_options(member.value, component, plugins, context);
    }
  }
  return components;
}

void check_listeners(const AgentConfig& config, const ConfigValue& root, ConfigIssues& issues) {
  std::vector<Listener> listeners;
  const auto add = [&](std::string path, std::string address, const ConfigValue* written,
                       ConfigPosition otherwise) {
    const ConfigPosition position =
        written != nullptr && written->position.line > 0 ? written->position : otherwise;
    if (const auto listen = parse_listen(address)) {
      listeners.push_back({std::move(path), std::move(address), position, *listen});
    } else {
      report_listen(written, address, position, std::move(path), issues);
    }
  };
  const ConfigValue* admin = find_option(&root, "agent.admin.listen");
  if (parse_listen(config.admin.listen)) {  // its own check has said the rest, and "" is nowhere
    add("agent.admin.listen", config.admin.listen, admin, ConfigPosition{});
  }
  for (const auto* list : {&config.inputs, &config.processors, &config.outputs}) {
    for (const ComponentConfig& component : *list) {
      if (component.plugin == nullptr || component.config == nullptr ||
          component.plugin->listens == nullptr) {
        continue;
      }
      const std::string section = section_name(component.plugin->kind);
      const ConfigValue* written = root.find(section);
      written = written != nullptr ? written->find(component.name) : nullptr;
      for (auto& place : component.plugin->listens(component.config.get())) {
        add(fmt::format("{}.{}.{}", section, component.name, place.option),
            std::move(place.address), find_option(written, place.option), component.position);
      }
    }
  }
  for (size_t later = 0; later < listeners.size(); ++later) {
    for (size_t earlier = 0; earlier < later; ++earlier) {
      if (conflict(listeners[earlier].listen, listeners[later].listen)) {
        const Listener& other = listeners[earlier];
        issues.add(listeners[later].position, listeners[later].path,
                   fmt::format("{} is taken already by {}", listeners[later].address, other.path),
                   other.position.line > 0 ? fmt::format("see line {}", other.position.line)
                                           : "that is its default");
        break;
      }
    }
  }
}

}  // namespace tailrace::config
