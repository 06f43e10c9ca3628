#include "config/docs.h"

#include <fmt/format.h>

#include "config/agent_schema.h"

namespace tailrace::config {
namespace {

// A schema that contains itself would have no end.
constexpr int kMaxTableDepth = 8;

/// Text for a cell of a table: one line, and no bar that would end the cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') {
      out += "\\|";
    } else {
      out += c == '\n' ? ' ' : c;
    }
  }
  return out;
}

std::string default_cell(const OptionRow& row) {
  if (row.is_required) {
    return "**required**";
  }
  if (row.default_text.empty()) {
    return "";
  }
  // A default in words ("from the cgroup") is no code.
  const bool prose = row.default_text.find(' ') != std::string::npos &&
                     row.default_text[0] != '[' && row.default_text[0] != '{';
  return prose ? cell(row.default_text) : fmt::format("`{}`", cell(row.default_text));
}

/// What stands between the name of an object and the names of its options.
std::string_view joint(const OptionRow& row) {
  if (row.type.name == tailrace::detail::objects_type().name) {
    return "[].";
  }
  return row.type.name == tailrace::detail::object_map_type().name ? ".<name>." : ".";
}

void append_rows(const Schema& schema, const std::string& prefix, int depth, std::string& out) {
  for (const OptionRow& row : schema.rows()) {
    std::string type = cell(row.type.name);
    if (!row.range_text.empty()) {
      type += ", " + cell(row.range_text);
    }
    out += fmt::format("| `{}{}` | {} | {} | {} |\n", prefix, row.name, type, default_cell(row),
                       cell(row.doc));
    if (row.nested != nullptr && depth < kMaxTableDepth) {
      append_rows(*row.nested, fmt::format("{}{}{}", prefix, row.name, joint(row)), depth + 1, out);
    }
  }
}

const char* title_of(ComponentKind kind) {
  switch (kind) {
    case ComponentKind::input:
      return "Input";
    case ComponentKind::processor:
      return "Processor";
    case ComponentKind::converter:
      return "Converter";
    case ComponentKind::output:
      break;
  }
  return "Output";
}

}  // namespace

std::string options_table(const Schema& schema) {
  if (schema.rows().empty()) {
    return "It has no options.\n";
  }
  std::string out = "| option | type | default | meaning |\n|---|---|---|---|\n";
  append_rows(schema, "", 0, out);
  return out;
}

std::vector<SharedSection> shared_sections() {
  return {
      {"agent", "The section `agent`", options_table(agent_schema())},
      {"pipeline", "A pipeline", options_table(pipeline_schema())},
      {"output", "Options of every output", options_table(output_engine_schema())},
  };
}

std::string reference(PluginTable plugins) {
  std::string out = "# Configuration reference\n";
  for (const SharedSection& section : shared_sections()) {
    out += fmt::format("\n## {}\n\n{}", section.title, section.table);
  }
  for (const PluginDescriptor* plugin : plugins) {
    out += fmt::format("\n## {} `{}`\n\n{}\n\n{}", title_of(plugin->kind), plugin->name,
                       plugin->summary, options_table(plugin->schema()));
  }
  return out;
}

Result<std::string> replace_marked(std::string_view page, std::string_view name,
                                   std::string_view content) {
  const std::string open =
      name.empty() ? "<!-- options -->\n" : fmt::format("<!-- options {} -->\n", name);
  const std::string close = "<!-- /options -->";
  const size_t begin = page.find(open);
  const size_t end = begin == std::string_view::npos ? begin : page.find(close, begin);
  if (end == std::string_view::npos) {
    return fail(ErrorCode::not_found, fmt::format("there are no lines {} and {}",
                                                  open.substr(0, open.size() - 1), close));
  }
  return fmt::format("{}{}{}", page.substr(0, begin + open.size()), content, page.substr(end));
}

}  // namespace tailrace::config
