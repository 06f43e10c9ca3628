#include "config/json_schema.h"

#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "config/agent_schema.h"
#include "config/components.h"
#include "config/conversions.h"

namespace tailrace::config {
namespace {

constexpr int kMaxSchemaDepth = 8;  // a schema that contains itself would have no end

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

/// A JSON object that is put together field by field.
class JsonObject {
 public:
  JsonObject& field(std::string_view name, std::string_view json) {
    text_ += fmt::format("{}{}:{}", text_.empty() ? "" : ",", quote(name), json);
    return *this;
  }
  JsonObject& text(std::string_view name, std::string_view value) {
    return field(name, quote(value));
  }
  bool empty() const { return text_.empty(); }
  std::string str() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

std::string array(const std::vector<std::string>& values) {
  return fmt::format("[{}]", fmt::join(values, ","));
}

std::string description(const OptionRow& row) {
  std::string out = row.doc;
  if (!row.range_text.empty()) {
    out += fmt::format(" Range: {}.", row.range_text);
  }
  if (!row.default_text.empty()) {
    out += fmt::format(" Default: {}.", row.default_text);
  }
  return out;
}

std::string object_of(const std::vector<const Schema*>& schemas, JsonObject properties, int depth);

/// The schema of one option's value.
std::string option_schema(const OptionRow& row, int depth) {
  JsonObject out;
  out.text("description", description(row));
  if (row.nested == nullptr || depth >= kMaxSchemaDepth) {
    out.field("allOf", array({row.type.json_schema}));
    return out.str();
  }
  const std::string inner = object_of({row.nested.get()}, {}, depth + 1);
  if (row.type.name == tailrace::detail::objects_type().name) {
    out.text("type", "array").field("items", inner);
  } else if (row.type.name == tailrace::detail::object_map_type().name) {
    out.text("type", "object").field("additionalProperties", inner);
  } else {
    out.field("allOf", array({inner}));
  }
  return out.str();
}

/// An object with the options of all these schemas, besides the properties given.
std::string object_of(const std::vector<const Schema*>& schemas, JsonObject properties, int depth) {
  std::vector<std::string> required;
  for (const Schema* schema : schemas) {
    for (const OptionRow& row : schema->rows()) {
      properties.field(row.name, option_schema(row, depth));
      if (row.is_required) {
        required.push_back(quote(row.name));
      }
    }
  }
  JsonObject out;
  // Without anything required a section may be left empty, which YAML reads as null.
  out.field("type", required.empty() ? R"(["object","null"])" : R"("object")");
  out.field("properties", properties.str());
  if (!required.empty()) {
    out.field("required", array(required));
  }
  out.field("additionalProperties", "false");
  return out.str();
}

std::string definition_name(const PluginDescriptor& plugin) {
  return fmt::format("{}_{}", to_string(plugin.kind), plugin.name);
}

/// A map of component names to components, whose options depend on their `type`.
std::string section(ComponentKind kind, PluginTable plugins) {
  std::vector<std::string> types;
  std::vector<std::string> rules;
  for (const PluginDescriptor* plugin : plugins) {
    if (plugin->kind != kind) {
      continue;
    }
    types.push_back(quote(plugin->name));
    rules.push_back(
        fmt::format(R"({{"if":{{"properties":{{"type":{{"const":{0}}}}},"required":["type"]}},)"
                    R"("then":{{"$ref":"#/$defs/{1}"}}}})",
                    quote(plugin->name), definition_name(*plugin)));
  }
  JsonObject component;
  component.text("type", "object")
      .field("properties", fmt::format(R"({{"type":{{"enum":{}}}}})", array(types)))
      .field("required", R"(["type"])");
  if (!rules.empty()) {
    component.field("allOf", array(rules));
  }
  JsonObject out;
  out.field("type", R"(["object","null"])")
      .field("propertyNames", R"({"$ref":"#/$defs/name"})")
      .field("additionalProperties", component.str());
  return out.str();
}

/// The options of converters, which stand within those of an output or a pipeline.
void add_conversions(const Converters& converters, JsonObject& properties) {
  for (const PluginDescriptor* converter : converters) {
    properties.field(std::string(converter->name),
                     fmt::format(R"({{"$ref":"#/$defs/{}"}})", definition_name(*converter)));
  }
}

std::string definitions(PluginTable plugins) {
  JsonObject out;
  out.field("name", R"({"type":"string","pattern":"^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$"})");
  out.field("reference", R"({"type":"string","pattern":"\\$\\{(env|file):[^}]+\\}"})");
  out.field("size",
            R"({"description":"A size such as 64MiB.","anyOf":[{"type":"integer","minimum":0},)"
            R"({"type":"string","pattern":"^[0-9]+(\\.[0-9]+)?([kKMGT]?B|[KMGT]iB?)?$"},)"
            R"({"$ref":"#/$defs/reference"}]})");
  out.field("duration",
            R"({"description":"A duration such as 5s.","anyOf":[{"const":0},)"
            R"({"type":"string","pattern":"^(0|([0-9]+(\\.[0-9]+)?(y|w|d|h|m|s|ms|us|ns))+)$"},)"
            R"({"$ref":"#/$defs/reference"}]})");
  for (const PluginDescriptor* plugin : plugins) {
    std::vector<const Schema*> schemas = {&plugin->schema()};
    if (plugin->kind == ComponentKind::output) {
      schemas.push_back(&output_engine_schema());
    }
    JsonObject others;
    if (plugin->kind != ComponentKind::converter) {
      others.field("type", JsonObject().text("description", plugin->summary).str());
    }
    add_conversions(converters_for(*plugin, plugins), others);
    out.field(definition_name(*plugin), object_of(schemas, others, 0));
  }
  return out.str();
}

/// Line breaks and indentation for a JSON text without white space of its own.
std::string indented(std::string_view json) {
  std::string out;
  size_t depth = 0;
  bool in_string = false;
  const auto new_line = [&out, &depth] {
    out += '\n';
    out.append(2 * depth, ' ');
  };
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      out += c;
      if (c == '\\') {
        out += json[++i];
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    const bool opens = c == '{' || c == '[';
    const bool closes = c == '}' || c == ']';
    const bool is_empty =
        opens && i + 1 < json.size() && (json[i + 1] == '}' || json[i + 1] == ']');
    if (closes) {
      --depth;
      new_line();
    }
    out += c;
    if (is_empty) {
      out += json[++i];
    } else if (opens) {
      ++depth;
      new_line();
    } else if (c == ',') {
      new_line();
    } else if (c == ':') {
      out += ' ';
    }
    in_string = c == '"';
  }
  return out + "\n";
}

}  // namespace

std::string json_schema(PluginTable plugins) {
  JsonObject pipeline;
  add_conversions(converters_in(plugins), pipeline);
  JsonObject properties;
  properties.field("agent", object_of({&agent_schema()}, {}, 0));
  for (const ComponentKind kind :
       {ComponentKind::input, ComponentKind::processor, ComponentKind::output}) {
    properties.field(section_name(kind), section(kind, plugins));
  }
  properties.field("pipelines",
                   JsonObject()
                       .text("type", "object")
                       .field("propertyNames", R"({"$ref":"#/$defs/name"})")
                       .field("minProperties", "1")
                       .field("additionalProperties", object_of({&pipeline_schema()}, pipeline, 0))
                       .str());
  JsonObject out;
  out.text("$schema", "https://json-schema.org/draft/2020-12/schema")
      .text("title", "tailrace configuration")
      .text("type", "object")
      .field("properties", properties.str())
      .field("patternProperties", R"({"^x-":true})")
      .field("required", R"(["inputs","outputs","pipelines"])")
      .field("additionalProperties", "false")
      .field("$defs", definitions(plugins));
  return indented(out.str());
}

}  // namespace tailrace::config
