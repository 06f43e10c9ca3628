#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tailrace/config_schema.h"
#include "tailrace/plugin.h"
#include "tailrace/result.h"

#include "config/agent_config.h"

/// Documentation made from the option tables, in Markdown.
namespace tailrace::config {

/// A table with one row per option; options of nested objects follow theirs with dotted names
/// (`tls_config.ca_file`), those of a list as `items[].name`, of a map as `routes.<name>.to`.
std::string options_table(const Schema& schema);

/// A part of the documentation that is no plugin's: `agent`, `output` (what all outputs share),
/// `pipeline`.
struct SharedSection {
  std::string name;
  std::string title;
  std::string table;
};
std::vector<SharedSection> shared_sections();

/// Everything, as one page.
std::string reference(PluginTable plugins);

/// Replaces what stands between the lines `<!-- options NAME -->` and `<!-- /options -->`; with an
/// empty name the first line is `<!-- options -->`. Error: `not_found` when the marks are not
/// there.
Result<std::string> replace_marked(std::string_view page, std::string_view name,
                                   std::string_view content);

}  // namespace tailrace::config
